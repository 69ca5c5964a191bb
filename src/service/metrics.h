#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace facet::service {

/// Only ever grows.   Threads  any, without a lock
class Counter {
 public:
  void add(double amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Goes up and down.   Threads  any, without a lock
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counts observations under upper bounds, and their sum.   Threads  any, without a lock
class Histogram {
 public:
  /// Errors  ContractError unless the bounds ascend
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);

  struct Snapshot {
    std::vector<double> bounds;
    std::vector<std::uint64_t> cumulative;  ///< one a bound, then all of them (+Inf)
    double sum = 0;
  };
  [[nodiscard]] Snapshot snapshot() const;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;  // one a bound, and one beyond the last
  std::atomic<double> sum_{0};
};

/// Seconds from half a millisecond to a minute, about two bounds an octave below 100 ms.
[[nodiscard]] std::span<const double> latency_bounds();

/// {{"route", "/v1/images"}, {"status", "200"}}: few values each, never what a client sent.
using Labels = std::map<std::string, std::string, std::less<>>;

/// The metrics of a process, by name and labels, and their text for Prometheus. Asked twice for the same name
/// and labels it gives the same metric. Hold on to the reference: looking up takes a lock, counting does not.
///
/// Threads   any
/// Lifetime  references are valid while the registry lives, unless removed
/// Errors    ContractError on a name or label that Prometheus does not allow, or on one name with two types
class Metrics {
 public:
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {})
      FACET_EXCLUDES(mutex_);
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {})
      FACET_EXCLUDES(mutex_);
  Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                       const Labels& labels = {}) FACET_EXCLUDES(mutex_);
  /// One whose value is asked for when the text is written, under the registry's lock.
  void counter_function(std::string_view name, std::string_view help, std::function<double()> value,
                        const Labels& labels = {}) FACET_EXCLUDES(mutex_);
  void gauge_function(std::string_view name, std::string_view help, std::function<double()> value,
                      const Labels& labels = {}) FACET_EXCLUDES(mutex_);
  /// What was measured of something that is no more; its references end.
  void remove(std::string_view name, const Labels& labels) FACET_EXCLUDES(mutex_);
  /// The text exposition format, version 0.0.4 (content type kMetricsContentType).
  [[nodiscard]] std::string text() const FACET_EXCLUDES(mutex_);

 private:
  enum class Type { Counter, Gauge, Histogram };
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> function;
  };
  struct Family {
    Type type = Type::Counter;
    std::string help;
    std::map<Labels, Series> series;
  };
  Series& series(std::string_view name, std::string_view help, Type type, const Labels& labels)
      FACET_REQUIRES(mutex_);
  static void write_series(std::string& text, const std::string& name, const Labels& labels,
                           const Series& series);

  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ FACET_GUARDED_BY(mutex_);
};

constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace facet::service
