#include "service/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/check.h"

namespace facet::service {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_name(std::string_view name) {
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string label_text(const Labels& labels, std::string_view bound = {}) {
  if (labels.empty() && bound.empty()) return {};
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    if (text.size() > 1) text += ',';
    text += fmt::format("{}=\"{}\"", name, escaped(value, true));
  }
  if (!bound.empty()) text += fmt::format("{}le=\"{}\"", text.size() > 1 ? "," : "", bound);
  return text + "}";
}

void write_histogram(std::string& text, const std::string& name, const Labels& labels,
                     const Histogram::Snapshot& histogram) {
  for (std::size_t i = 0; i < histogram.cumulative.size(); ++i) {
    const std::string bound = i < histogram.bounds.size() ? number(histogram.bounds[i]) : "+Inf";
    text += fmt::format("{}_bucket{} {}\n", name, label_text(labels, bound), histogram.cumulative[i]);
  }
  text += fmt::format("{}_sum{} {}\n", name, label_text(labels), number(histogram.sum));
  text += fmt::format("{}_count{} {}\n", name, label_text(labels), histogram.cumulative.back());
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  const auto no_step = [](double a, double b) { return !(a < b); };
  FACET_CHECK(std::adjacent_find(bounds_.begin(), bounds_.end(), no_step) == bounds_.end(),
              "a histogram's bounds do not ascend");
}

void Histogram::observe(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[at].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out{bounds_, {}, sum_.load(std::memory_order_relaxed)};
  std::uint64_t total = 0;
  for (const auto& count : counts_) {
    total += count.load(std::memory_order_relaxed);
    out.cumulative.push_back(total);
  }
  return out;
}

std::span<const double> latency_bounds() {
  static constexpr std::array<double, 22> kBounds = {0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015,
                                                     0.02,   0.03,  0.04,  0.06,  0.08,  0.1,    0.15, 0.25,
                                                     0.5,    1,     2.5,   5,     15,    60};
  return kBounds;
}

Metrics::Series& Metrics::series(std::string_view name, std::string_view help, Type type,
                                 const Labels& labels) {
  FACET_CHECK(is_name(name), fmt::format("'{}' is no name for a metric", name));
  for (const auto& [label, value] : labels) {
    FACET_CHECK(is_name(label) && label != "le", fmt::format("'{}' is no name for a label", label));
  }
  auto family = families_.find(name);
  if (family == families_.end()) {
    family = families_.emplace(std::string(name), Family{type, std::string(help), {}}).first;
  }
  FACET_CHECK(family->second.type == type, fmt::format("{} was made with another type", name));
  return family->second.series[labels];
}

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const MutexLock lock(mutex_);
  Series& one = series(name, help, Type::Counter, labels);
  if (!one.counter) one.counter = std::make_unique<Counter>();
  return *one.counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const MutexLock lock(mutex_);
  Series& one = series(name, help, Type::Gauge, labels);
  if (!one.gauge) one.gauge = std::make_unique<Gauge>();
  return *one.gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                              const Labels& labels) {
  const MutexLock lock(mutex_);
  Series& one = series(name, help, Type::Histogram, labels);
  if (!one.histogram) {
    one.histogram = std::make_unique<Histogram>(std::vector<double>(bounds.begin(), bounds.end()));
  }
  return *one.histogram;
}

void Metrics::counter_function(std::string_view name, std::string_view help, std::function<double()> value,
                               const Labels& labels) {
  const MutexLock lock(mutex_);
  series(name, help, Type::Counter, labels).function = std::move(value);
}

void Metrics::gauge_function(std::string_view name, std::string_view help, std::function<double()> value,
                             const Labels& labels) {
  const MutexLock lock(mutex_);
  series(name, help, Type::Gauge, labels).function = std::move(value);
}

void Metrics::write_series(std::string& text, const std::string& name, const Labels& labels,
                           const Series& series) {
  if (series.histogram) return write_histogram(text, name, labels, series.histogram->snapshot());
  const double value = series.function  ? series.function()
                       : series.counter ? series.counter->value()
                                        : series.gauge->value();
  text += fmt::format("{}{} {}\n", name, label_text(labels), number(value));
}

void Metrics::remove(std::string_view name, const Labels& labels) {
  const MutexLock lock(mutex_);
  if (const auto family = families_.find(name); family != families_.end())
    family->second.series.erase(labels);
}

std::string Metrics::text() const {
  const MutexLock lock(mutex_);
  std::string text;
  for (const auto& [name, family] : families_) {
    const char* type = family.type == Type::Counter ? "counter"
                       : family.type == Type::Gauge ? "gauge"
                                                    : "histogram";
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(family.help, false), name, type);
    for (const auto& [labels, one] : family.series) write_series(text, name, labels, one);
  }
  return text;
}

}  // namespace facet::service
