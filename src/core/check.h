#pragma once

#include <string>

#include "facet/status.h"

namespace facet {

/// Throws ContractError with `message` and the place. Out of line, to keep the callers small.
[[noreturn]] void fail_check(const char* condition, const std::string& message, const char* file, int line);

}  // namespace facet

/// Stays on in release builds: a broken contract must never become a wrong mask.
#define FACET_CHECK(condition, message)                               \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::facet::fail_check(#condition, (message), __FILE__, __LINE__); \
  } while (false)

/// For inner loops: on in builds without NDEBUG only.
#ifdef NDEBUG
#define FACET_DCHECK(condition, message) \
  do {                                   \
  } while (false)
#else
#define FACET_DCHECK(condition, message) FACET_CHECK(condition, message)
#endif
