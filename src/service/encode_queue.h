#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "service/engine.h"
#include "service/waiter.h"

namespace facet::service {

/// One picture to encode, for everyone who asked for it.
struct EncodeJob {
  ServedModelPtr model;
  std::shared_ptr<const Image> image;
  std::optional<EmbeddingKey> key;  ///< none: nobody joins it, no cache hears of it
  std::vector<Waiter<Encoded>> waiters;
  std::stop_source stop;  ///< fires when the last waiter is gone
  TimePoint since;
};
using EncodeJobPtr = std::shared_ptr<EncodeJob>;

/// Everything in a picture, for one.
struct EverythingJob {
  EverythingRequest request;
  Waiter<EverythingFound> waiter;
  std::stop_source stop;
  bool answered = false;
};
using EverythingJobPtr = std::shared_ptr<EverythingJob>;

/// Answers to give once no lock is held.
using Answers = std::vector<std::function<void()>>;

/// The long jobs: those in the caches' hands, those waiting in line, the one running; equal pictures once.
/// Threads  none: the engine's mutex is held around every call
class EncodeQueue {
 public:
  explicit EncodeQueue(int max_queued) : max_queued_(std::size_t(max_queued)) {}

  [[nodiscard]] bool full() const { return queued() >= max_queued_; }
  /// Jobs that have not begun, looking-up ones included.
  [[nodiscard]] std::size_t queued() const { return line_.size() + everything_.size() + looking_up_; }
  [[nodiscard]] bool idle() const { return line_.empty() && everything_.empty(); }

  /// The job for this key that is under way, or null.
  [[nodiscard]] EncodeJobPtr find(const EmbeddingKey& key) const;
  /// A new job, not yet in line: its key is being looked up, if it has one.
  void add(const EncodeJobPtr& job);
  /// The look-up found nothing: the job goes in line, unless nobody waits any more.
  void enqueue(const EncodeJobPtr& job);
  /// The look-up found its embedding: finish() is next.
  void found(const EncodeJobPtr& /*job*/) { --looking_up_; }
  void enqueue(const EverythingJobPtr& job) { everything_.push_back(job); }

  /// One more picture is on its way here, or no longer.
  void expect() { ++expected_; }
  void arrived() { --expected_; }

  enum class Closed { Alone, Full, Delay, OtherModel, Complete };
  struct Batch {
    std::vector<EncodeJobPtr> jobs;  ///< empty: none is ready yet
    Closed closed = Closed::Alone;
  };
  /// The pictures to encode together now: one alone unless batching pays, else of one model up to max_batch,
  /// once that many wait, the oldest has waited max_delay, the next is for another model, or none is on its
  /// way.
  [[nodiscard]] Batch take_batch(const EngineOptions& options, TimePoint now);
  /// When take_batch has something to give; max() when nothing is in line.
  [[nodiscard]] TimePoint ready_at(const EngineOptions& options) const;
  [[nodiscard]] EverythingJobPtr take_everything();
  /// Whether the next long job is an `everything`: the two kinds take turns.
  [[nodiscard]] bool everything_is_next() const;

  /// Takes everyone out who no longer waits; jobs without anyone are dropped, or stopped where they run.
  void sweep(TimePoint now, Answers& answers);
  /// The job is over: nobody joins it any more. Returns who waited.
  [[nodiscard]] std::vector<Waiter<Encoded>> finish(const EncodeJobPtr& job);
  void finish(const EverythingJobPtr& job);
  /// When the next of those waiting runs out of time.
  [[nodiscard]] TimePoint next_deadline() const;
  /// Takes out everyone, with `status` as their answer.
  void cancel_all(const Status& status, Answers& answers);

 private:
  /// The jobs at the head of the line that may be one batch, and why it is closed; none while it is open.
  [[nodiscard]] std::size_t batch_length(const EngineOptions& options) const;
  [[nodiscard]] std::optional<Closed> why_closed(const EngineOptions& options) const;
  static void sweep_waiters(EncodeJob& job, TimePoint now, Answers& answers);
  std::size_t max_queued_;
  std::size_t looking_up_ = 0;
  std::size_t expected_ = 0;
  std::deque<EncodeJobPtr> line_;
  std::deque<EverythingJobPtr> everything_;
  EverythingJobPtr running_everything_;
  bool everything_ran_last_ = false;
  std::unordered_set<EncodeJobPtr> under_way_;
  std::unordered_map<EmbeddingKey, EncodeJobPtr, EmbeddingKeyHash> by_key_;  // those to be joined
};

}  // namespace facet::service
