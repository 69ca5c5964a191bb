#include "service/decode_queue.h"

#include <algorithm>
#include <tuple>

namespace facet::service {
namespace {

std::size_t left_of(const DecodeJob& job) { return job.request.prompts.size() - job.objects.size(); }

auto what_must_agree(const DecodeJob& job) {
  const PredictOptions& options = job.request.options;
  return std::tuple(job.request.model.get(), job.request.embedding.features.get(), options.multimask,
                    options.min_score, options.mask_threshold, options.max_hole_area,
                    options.max_sprinkle_area, options.keep_low_res_logits, options.keep_full_logits);
}

}  // namespace

std::vector<DecodeQueue::Part> DecodeQueue::take(int most) {
  std::vector<Part> parts;
  std::size_t room = std::size_t(std::max(1, most));
  for (auto job = line_.begin(); job != line_.end() && room > 0;) {
    if (!parts.empty() && what_must_agree(**job) != what_must_agree(*parts.front().job)) {
      ++job;
      continue;
    }
    parts.push_back({*job, std::min(room, left_of(**job))});
    room -= parts.back().prompts;
    job = line_.erase(job);
  }
  return parts;
}

void DecodeQueue::sweep(TimePoint now, Answers& answers) {
  std::erase_if(line_, [&](const DecodeJobPtr& job) {
    const Status status = waiting_status(job->waiter.scope, now);
    if (!status.ok()) answers.emplace_back([done = job->waiter.done, status] { done(status); });
    return !status.ok();
  });
}

TimePoint DecodeQueue::next_deadline() const {
  TimePoint next = TimePoint::max();
  for (const DecodeJobPtr& job : line_) next = std::min(next, job->waiter.scope.deadline);
  return next;
}

void DecodeQueue::cancel_all(const Status& status, Answers& answers) {
  for (const DecodeJobPtr& job : line_) {
    answers.emplace_back([done = job->waiter.done, status] { done(status); });
  }
  line_.clear();
}

}  // namespace facet::service
