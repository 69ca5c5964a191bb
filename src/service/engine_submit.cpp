// What callers' threads do: look into the caches, join what is under way, stand in line or be refused.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "segment/prompt_checks.h"
#include "service/engine_impl.h"

namespace facet::service {
namespace {

constexpr std::size_t kDecodesAlwaysTaken = 8;  // that wait, also where one alone takes long

}  // namespace

Status Engine::Impl::admit(Lane lane, bool full, Duration wait, const RequestScope& scope) {
  const TimePoint now = clock_.now();
  FACET_RETURN_IF_ERROR(waiting_status(scope, now));
  if (full) {
    metrics_.refused(lane, "full");
    return {StatusCode::Unavailable,
            fmt::format("more {} requests wait already than can be served soon", lane_name(lane))};
  }
  if (scope.deadline != TimePoint::max() && now + wait > scope.deadline) {
    metrics_.refused(lane, "deadline");
    return {StatusCode::Unavailable, fmt::format("the work before this {} takes {:.1f} s, longer than the "
                                                 "request's deadline allows",
                                                 lane_name(lane), seconds(wait))};
  }
  return {};
}

void Engine::Impl::find(const EmbeddingKey& key, const Completion<std::optional<Encoded>>& done) {
  if (std::optional<Embedding> found = cache_.find(key)) {
    done(std::optional(Encoded{std::move(*found), EmbeddingSource::Memory, {}}));
    return;
  }
  if (store_ == nullptr) {
    done(std::optional<Encoded>());
    return;
  }
  store_->find(key, [self = shared_from_this(), key, done](const std::optional<Embedding>& found) {
    if (!found) return done(std::optional<Encoded>());
    self->cache_.insert(key, *found);
    done(std::optional(Encoded{*found, EmbeddingSource::Store, {}}));
  });
}

EncodeExpectation Engine::Impl::expect_encode() {
  if (!options_.batching_pays) return nullptr;  // no batch waits for anything
  {
    const MutexLock lock(mutex_);
    encodes_.expect();
  }
  const auto end = [self = shared_from_this()](const void*) {
    const MutexLock lock(self->mutex_);
    self->encodes_.arrived();
    self->changed_.notify_all();
  };
  return {this, end};
}

void Engine::Impl::submit(EncodeRequest request, Completion<Encoded> done) {
  std::optional<EmbeddingKey> key;
  if (request.content) key = embedding_key(*request.model, *request.content, request.tenant);
  if (std::optional<Embedding> found = key ? cache_.find(*key) : std::nullopt) {
    done(Encoded{std::move(*found), EmbeddingSource::Memory, {}});
    return;
  }
  const TimePoint now = clock_.now();
  auto job = std::make_shared<EncodeJob>();
  Status status;
  {
    const MutexLock lock(mutex_);
    if (const EncodeJobPtr under_way = key ? encodes_.find(*key) : nullptr) {
      // As many may wait for one picture as for all others.
      const bool crowded = under_way->waiters.size() >= std::size_t(options_.max_queued);
      status = admit(Lane::Encode, crowded, {}, request.scope);
      if (status.ok()) {
        under_way->waiters.push_back({request.scope, done, now, true});
        metrics_.joined.add();
        return;
      }
    } else {
      status = stopping_ ? Status(StatusCode::Cancelled, "the service is stopping")
                         : admit(Lane::Encode, encodes_.full(), encode_pace_.wait(encodes_.queued()),
                                 request.scope);
    }
    if (status.ok()) {
      job->model = std::move(request.model);
      job->image = std::move(request.image);
      job->key = key;
      job->since = now;
      job->waiters.push_back({std::move(request.scope), done, now, false});
      encodes_.add(job);
      report_queues();
    }
  }
  if (!status.ok()) return done(status);
  look_up(job);
}

void Engine::Impl::look_up(const EncodeJobPtr& job) {
  if (store_ == nullptr || !job->key) return answer_look_up(job, {});
  store_->find(*job->key, [self = shared_from_this(), job](const std::optional<Embedding>& found) {
    self->answer_look_up(job, found);
  });
}

void Engine::Impl::answer_look_up(const EncodeJobPtr& job, const std::optional<Embedding>& found) {
  {
    const MutexLock lock(mutex_);
    if (found) {
      encodes_.found(job);
    } else {
      encodes_.enqueue(job);
    }
    changed_.notify_all();
    report_queues();
  }
  if (found) finish_encode(job, *found, EmbeddingSource::Store, clock_.now(), {});
}

void Engine::Impl::submit(DecodeRequest request, Completion<Decoded> done) {
  if (request.prompts.empty()) return done(Decoded{});
  Status status = segment::check_prompts(request.prompts, request.embedding.original_size);
  if (status.ok()) {
    const MutexLock lock(mutex_);
    const Duration wait = decode_pace_.wait(decodes_.queued());
    const bool crowded =
        decodes_.full() || (decodes_.queued() >= kDecodesAlwaysTaken && wait > options_.max_decode_wait);
    status = stopping_ ? Status(StatusCode::Cancelled, "the service is stopping")
                       : admit(Lane::Decode, crowded, wait, request.scope);
    if (status.ok()) {
      auto job = std::make_shared<DecodeJob>();
      job->waiter = {request.scope, done, clock_.now(), false};
      job->request = std::move(request);
      decodes_.enqueue(std::move(job));
      report_queues();
      changed_.notify_all();
      return;
    }
  }
  done(status);
}

void Engine::Impl::submit(EverythingRequest request, Completion<EverythingFound> done) {
  Status status;
  {
    const MutexLock lock(mutex_);
    status = stopping_ ? Status(StatusCode::Cancelled, "the service is stopping")
                       : admit(Lane::Everything, encodes_.full(), encode_pace_.wait(encodes_.queued()),
                               request.scope);
    if (status.ok()) {
      auto job = std::make_shared<EverythingJob>();
      job->waiter = {request.scope, done, clock_.now(), false};
      job->request = std::move(request);
      encodes_.enqueue(job);
      report_queues();
      changed_.notify_all();
      return;
    }
  }
  done(status);
}

std::chrono::seconds Engine::Impl::retry_after() const {
  const MutexLock lock(mutex_);
  const Duration wait = std::max(encode_pace_.wait(encodes_.queued()), decode_pace_.wait(decodes_.queued()));
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1),
                    std::chrono::seconds(60));
}

bool Engine::Impl::alive() const {
  return clock_.now().time_since_epoch() - Duration(last_sign_.load()) < options_.hang_limit;
}

void Engine::Impl::report_queues() {
  metrics_.encodes_queued.set(double(encodes_.queued()));
  metrics_.decodes_queued.set(double(decodes_.queued()));
}

}  // namespace facet::service
