#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "service/encode_queue.h"

namespace facet::service {

/// Prompts of one request; a large one is decoded over several turns.
struct DecodeJob {
  DecodeRequest request;
  Waiter<Decoded> waiter;
  std::vector<ObjectPrediction> objects;  ///< of the prompts decoded so far
  TimePoint began = TimePoint::max();
  Duration ran{};
};
using DecodeJobPtr = std::shared_ptr<DecodeJob>;

/// The short jobs, in the order they came.
/// Threads  none: the engine's mutex is held around every call
class DecodeQueue {
 public:
  explicit DecodeQueue(int max_queued) : max_queued_(std::size_t(max_queued)) {}

  [[nodiscard]] bool full() const { return line_.size() >= max_queued_; }
  [[nodiscard]] std::size_t queued() const { return line_.size(); }
  void enqueue(DecodeJobPtr job) { line_.push_back(std::move(job)); }

  struct Part {
    DecodeJobPtr job;
    std::size_t prompts = 0;  ///< how many of those it has left
  };
  /// What is decoded in one run: the first job's prompts, and those of others for the same embedding with the
  /// same options, `most` together at most. Jobs leave the queue; one with prompts left is to come back.
  [[nodiscard]] std::vector<Part> take(int most);
  void sweep(TimePoint now, Answers& answers);
  [[nodiscard]] TimePoint next_deadline() const;
  void cancel_all(const Status& status, Answers& answers);

 private:
  std::size_t max_queued_;
  std::deque<DecodeJobPtr> line_;
};

}  // namespace facet::service
