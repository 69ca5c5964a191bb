#include "service/encode_queue.h"

#include <algorithm>

namespace facet::service {
namespace {

bool sweep_one(const EverythingJobPtr& job, TimePoint now, Answers& answers) {
  const Status status = waiting_status(job->waiter.scope, now);
  if (status.ok() || job->answered) return false;
  job->answered = true;
  answers.emplace_back([done = job->waiter.done, status] { done(status); });
  return true;
}

}  // namespace

EncodeJobPtr EncodeQueue::find(const EmbeddingKey& key) const {
  const auto found = by_key_.find(key);
  // A job that nobody waits for any more is about to end as cancelled: it is not joined.
  if (found == by_key_.end() || found->second->stop.stop_requested()) return nullptr;
  return found->second;
}

void EncodeQueue::add(const EncodeJobPtr& job) {
  under_way_.insert(job);
  if (job->key) by_key_[*job->key] = job;
  ++looking_up_;
}

void EncodeQueue::enqueue(const EncodeJobPtr& job) {
  --looking_up_;
  if (job->waiters.empty()) {
    (void)finish(job);
  } else {
    line_.push_back(job);
  }
}

std::size_t EncodeQueue::batch_length(const EngineOptions& options) const {
  const std::size_t most = options.batching_pays ? std::size_t(std::max(1, options.max_batch)) : 1;
  std::size_t length = 0;
  while (length < std::min(most, line_.size()) && line_[length]->model == line_.front()->model) ++length;
  return length;
}

std::optional<EncodeQueue::Closed> EncodeQueue::why_closed(const EngineOptions& options) const {
  if (line_.empty()) return {};
  if (!options.batching_pays || options.max_batch <= 1) return Closed::Alone;
  const std::size_t length = batch_length(options);
  if (length == std::size_t(options.max_batch)) return Closed::Full;
  if (length < line_.size()) return Closed::OtherModel;
  if (expected_ + looking_up_ == 0) return Closed::Complete;
  return {};
}

TimePoint EncodeQueue::ready_at(const EngineOptions& options) const {
  if (line_.empty()) return TimePoint::max();
  return why_closed(options) ? TimePoint::min() : line_.front()->since + options.max_delay;
}

EncodeQueue::Batch EncodeQueue::take_batch(const EngineOptions& options, TimePoint now) {
  Batch batch;
  if (now < ready_at(options)) return batch;
  batch.closed = why_closed(options).value_or(Closed::Delay);
  const auto end = line_.begin() + std::ptrdiff_t(batch_length(options));
  batch.jobs.assign(line_.begin(), end);
  line_.erase(line_.begin(), end);
  everything_ran_last_ = false;
  return batch;
}

EverythingJobPtr EncodeQueue::take_everything() {
  if (everything_.empty()) return nullptr;
  running_everything_ = std::move(everything_.front());
  everything_.pop_front();
  everything_ran_last_ = true;
  return running_everything_;
}

bool EncodeQueue::everything_is_next() const {
  return !everything_.empty() && (line_.empty() || !everything_ran_last_);
}

void EncodeQueue::sweep_waiters(EncodeJob& job, TimePoint now, Answers& answers) {
  const auto gone = [&](const Waiter<Encoded>& waiter) {
    const Status status = waiting_status(waiter.scope, now);
    if (!status.ok()) answers.emplace_back([done = waiter.done, status] { done(status); });
    return !status.ok();
  };
  std::erase_if(job.waiters, gone);
  if (job.waiters.empty()) job.stop.request_stop();
}

void EncodeQueue::sweep(TimePoint now, Answers& answers) {
  for (const EncodeJobPtr& job : under_way_) sweep_waiters(*job, now, answers);
  std::erase_if(line_, [this](const EncodeJobPtr& job) {
    if (!job->stop.stop_requested()) return false;
    (void)finish(job);
    return true;
  });
  std::erase_if(everything_, [&](const EverythingJobPtr& job) { return sweep_one(job, now, answers); });
  if (running_everything_ && sweep_one(running_everything_, now, answers)) {
    running_everything_->stop.request_stop();
  }
}

std::vector<Waiter<Encoded>> EncodeQueue::finish(const EncodeJobPtr& job) {
  under_way_.erase(job);
  const auto found = job->key ? by_key_.find(*job->key) : by_key_.end();
  if (found != by_key_.end() && found->second == job) by_key_.erase(found);
  return std::exchange(job->waiters, {});
}

void EncodeQueue::finish(const EverythingJobPtr& job) {
  if (running_everything_ == job) running_everything_ = nullptr;
}

TimePoint EncodeQueue::next_deadline() const {
  TimePoint next = TimePoint::max();
  for (const EncodeJobPtr& job : under_way_) {
    for (const Waiter<Encoded>& waiter : job->waiters) next = std::min(next, waiter.scope.deadline);
  }
  for (const EverythingJobPtr& job : everything_) next = std::min(next, job->waiter.scope.deadline);
  return next;
}

void EncodeQueue::cancel_all(const Status& status, Answers& answers) {
  for (const EncodeJobPtr& job : under_way_) {
    for (Waiter<Encoded>& waiter : std::exchange(job->waiters, {})) {
      answers.emplace_back([done = std::move(waiter.done), status] { done(status); });
    }
    job->stop.request_stop();
  }
  for (const EverythingJobPtr& job : everything_) {
    answers.emplace_back([done = job->waiter.done, status] { done(status); });
  }
  line_.clear();
  everything_.clear();
}

}  // namespace facet::service
