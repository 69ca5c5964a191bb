#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "service/config.h"

namespace facet::service {

/// Begins the pictures of one request in order, `begin(i)`, and finishes them in order, `finish(i, begun)`:
/// as many ahead as the engine has use for, and no more, so that memory and places in its line do not grow
/// with the request. What `begin` gives has `pixels()`.
template <class Begin, class Finish>
void begin_ahead(const ServiceConfig& config, std::size_t count, const Begin& begin, const Finish& finish) {
  const auto most = static_cast<std::size_t>(std::clamp(2 * config.max_batch, 1, config.max_queued));
  std::deque<decltype(begin(std::size_t{0}))> begun;
  std::int64_t pixels = 0;
  std::size_t next = 0;
  const auto finish_first = [&] {
    pixels -= begun.front().pixels();
    finish(next++, begun.front());
    begun.pop_front();
  };
  for (std::size_t i = 0; i < count; ++i) {
    while (begun.size() >= most || pixels >= config.max_pixels) finish_first();
    begun.push_back(begin(i));
    pixels += begun.back().pixels();
  }
  while (!begun.empty()) finish_first();
}

}  // namespace facet::service
