#include "core/check.h"

namespace facet {

void fail_check(const char* condition, const std::string& message, const char* file, int line) {
  throw ContractError(message + " [" + condition + ", " + file + ":" + std::to_string(line) + "]");
}

}  // namespace facet
