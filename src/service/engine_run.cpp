// What the engine's own thread does: decodes first, then one long job, which gives way between its blocks.
#include <exception>

#include "segment/guard.h"
#include "service/engine_impl.h"

namespace facet::service {
namespace {

void answer_all(const Answers& answers) {
  for (const auto& answer : answers) answer();
}

/// One frame around everything a job can throw: a broken contract fails the job, not the service.
template <class Body>
auto contained(const Body& body) -> decltype(body()) {
  try {
    return segment::guarded(body);
  } catch (const std::exception& error) {
    return Status(StatusCode::Internal, error.what());
  }
}

}  // namespace

Engine::Impl::Impl(EngineOptions options, EmbeddingCache& cache, EmbeddingStore* store, Metrics& metrics,
                   Clock& clock)
    : options_(options),
      cache_(cache),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      runs_(options.threads),
      encodes_(options.max_queued),
      decodes_(options.max_queued) {}

void Engine::Impl::start() {
  worker_ = std::make_unique<Worker>("facet-engine", [this](const std::stop_token& stop) { run(stop); });
}

void Engine::Impl::shut_down() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  worker_->stop();
  Answers answers;
  {
    const MutexLock lock(mutex_);
    const Status status(StatusCode::Cancelled, "the service stopped before this was done");
    encodes_.cancel_all(status, answers);
    decodes_.cancel_all(status, answers);
    report_queues();
  }
  answer_all(answers);
}

void Engine::Impl::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    changed_.notify_all();
  });
  while (!stop.stop_requested()) {
    wait_for_work(stop);
    if (stop.stop_requested()) break;
    const TimePoint began = clock_.now();
    sign_of_life();
    sweep();
    run_decodes();
    run_long_job();
    prepare_ahead();
    metrics_.busy_seconds.add(seconds(clock_.now() - began));
  }
}

void Engine::Impl::wait_for_work(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    const TimePoint until = wanted_at();
    if (until <= clock_.now() || may_prepare_) return;
    last_sign_.store(kIdle);
    clock_.wait(changed_, mutex_, until);
  }
}

TimePoint Engine::Impl::wanted_at() const {
  if (decodes_.queued() > 0 || encodes_.everything_is_next()) return TimePoint::min();
  return std::min(encodes_.ready_at(options_), encodes_.next_deadline());
}

void Engine::Impl::prepare_ahead() {
  if (!may_prepare_) return;
  {
    const MutexLock lock(mutex_);
    if (wanted_at() <= clock_.now()) return;
  }
  block_began_ = clock_.now();
  const Result<bool> prepared = contained([&] { return runs_.prepare_ahead([this] { give_way(); }); });
  may_prepare_ = prepared.ok() && *prepared;
  if (may_prepare_) metrics_.prepared_ahead.add();
}

void Engine::Impl::sweep() {
  Answers answers;
  {
    const MutexLock lock(mutex_);
    encodes_.sweep(clock_.now(), answers);
    decodes_.sweep(clock_.now(), answers);
    report_queues();
  }
  answer_all(answers);
}

void Engine::Impl::run_long_job() {
  EverythingJobPtr everything;
  EncodeQueue::Batch batch;
  {
    const MutexLock lock(mutex_);
    if (encodes_.everything_is_next()) {
      everything = encodes_.take_everything();
    } else {
      batch = encodes_.take_batch(options_, clock_.now());
    }
    report_queues();
  }
  worked_ = {};
  block_began_ = clock_.now();
  if (everything) run_everything(everything);
  if (!batch.jobs.empty()) run_encodes(batch);
  everything = nullptr;
  batch.jobs.clear();
  runs_.drop_unused();
}

void Engine::Impl::run_encodes(const EncodeQueue::Batch& batch) {
  metrics_.batch_closed(batch.closed, batch.jobs.size());
  const TimePoint began = clock_.now();
  // A batch goes on as long as anyone waits for any of it.
  const auto give_way_or_stop = [&] {
    give_way();
    for (const EncodeJobPtr& job : batch.jobs) {
      if (!job->stop.stop_requested()) return;
    }
    throw StatusError({StatusCode::Cancelled, "nobody waits for these pictures any more"});
  };
  std::vector<const Image*> images;
  for (const EncodeJobPtr& job : batch.jobs) images.push_back(job->image.get());
  const auto encode = [&](std::span<const Image* const> some) {
    return contained([&] {
      return runs_.of(batch.jobs[0]->model).encoder.set_images(some, {.between_blocks = give_way_or_stop});
    });
  };
  const Result<std::vector<Embedding>> together = encode(images);
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
    // What one picture of several meets must not fail the others.
    const auto own = together.ok() || images.size() == 1 || batch.jobs[i]->stop.stop_requested()
                         ? Result<std::vector<Embedding>>(together.status())
                         : encode({&images[i], 1});
    const Duration ran = (worked_ + (clock_.now() - block_began_)) / std::int64_t(images.size());
    if (together.ok()) {
      finish_encode(batch.jobs[i], (*together)[i], EmbeddingSource::Encoded, began, ran);
    } else if (own.ok()) {
      finish_encode(batch.jobs[i], own->front(), EmbeddingSource::Encoded, began, ran);
    } else {
      finish_encode(batch.jobs[i], own.status(), EmbeddingSource::Encoded, began, ran);
    }
  }
}

void Engine::Impl::finish_encode(const EncodeJobPtr& job, const Result<Embedding>& result,
                                 EmbeddingSource source, TimePoint began, Duration ran) {
  // Cached before the job ends, so that no equal request falls between the two.
  if (result.ok() && job->key) {
    cache_.insert(*job->key, *result);
    if (source == EmbeddingSource::Encoded && store_ != nullptr) store_->insert(*job->key, *result);
  }
  std::vector<Waiter<Encoded>> waiters;
  {
    const MutexLock lock(mutex_);
    if (result.ok() && source == EmbeddingSource::Encoded) encode_pace_.observe(seconds(ran));
    waiters = encodes_.finish(job);
  }
  for (const Waiter<Encoded>& waiter : waiters) {
    const StageTimes times{std::max(Duration{}, began - waiter.since), ran};
    if (source == EmbeddingSource::Encoded) metrics_.stage(Lane::Encode, times);
    if (result.ok()) {
      waiter.done(Encoded{*result, waiter.joined ? EmbeddingSource::Joined : source, times});
    } else {
      waiter.done(result.status());
    }
  }
}

void Engine::Impl::run_everything(const EverythingJobPtr& job) {
  const TimePoint began = clock_.now();
  EverythingRequest& request = job->request;
  request.options.between_blocks = [this] { give_way(); };
  request.options.stop = job->stop.get_token();
  const Result<std::vector<AutomaticMask>> found = contained([&] {
    return AutomaticMaskGenerator(runs_.of(request.model).encoder, request.options)
        .generate(request.embedding, request.image.get());
  });
  const StageTimes times{began - job->waiter.since, worked_ + (clock_.now() - block_began_)};
  bool answered = false;
  {
    const MutexLock lock(mutex_);
    if (found.ok()) encode_pace_.observe(seconds(times.ran));
    encodes_.finish(job);
    answered = std::exchange(job->answered, true);
  }
  if (answered) return;
  metrics_.stage(Lane::Everything, times);
  if (found.ok()) {
    job->waiter.done(EverythingFound{*found, times});
  } else {
    job->waiter.done(found.status());
  }
}

void Engine::Impl::give_way() {
  const TimePoint now = clock_.now();
  metrics_.gap_seconds.observe(seconds(now - block_began_));
  worked_ += now - block_began_;
  sign_of_life();
  sweep();
  run_decodes();
  {
    const MutexLock lock(mutex_);
    if (stopping_) throw StatusError({StatusCode::Cancelled, "the service is stopping"});
  }
  block_began_ = clock_.now();
}

void Engine::Impl::run_decodes() {
  std::size_t turns = 0;
  {
    const MutexLock lock(mutex_);
    turns = decodes_.queued();
  }
  while (turns > 0) {
    std::vector<DecodeQueue::Part> parts;
    {
      const MutexLock lock(mutex_);
      parts = decodes_.take(options_.max_decode_batch);
      report_queues();
    }
    if (parts.empty()) return;
    turns -= std::min(turns, parts.size());
    run_decode(parts);
    sign_of_life();
  }
}

void Engine::Impl::run_decode(const std::vector<DecodeQueue::Part>& parts) {
  const TimePoint began = clock_.now();
  const DecodeRequest& first = parts.front().job->request;
  std::vector<Prompt> prompts;
  for (const DecodeQueue::Part& part : parts) {
    const auto begin = part.job->request.prompts.begin() + std::ptrdiff_t(part.job->objects.size());
    prompts.insert(prompts.end(), begin, begin + std::ptrdiff_t(part.prompts));
  }
  PredictOptions options = first.options;
  options.progress = {};
  options.stop = parts.size() == 1 ? first.scope.stop : std::stop_token();
  metrics_.decode_prompts.observe(double(prompts.size()));
  Result<std::vector<ObjectPrediction>> objects =
      contained([&] { return runs_.of(first.model).decoder.predict(first.embedding, prompts, options); });
  const Duration ran = clock_.now() - began;
  may_prepare_ = true;

  std::vector<DecodeJobPtr> over;
  {
    const MutexLock lock(mutex_);
    decode_pace_.observe(seconds(ran) / double(parts.size()));
    std::size_t next = 0;
    for (const DecodeQueue::Part& part : parts) {
      DecodeJob& job = *part.job;
      job.began = std::min(job.began, began);
      job.ran += ran;
      if (objects.ok()) {
        for (std::size_t i = 0; i < part.prompts; ++i) job.objects.push_back(std::move((*objects)[next++]));
      }
      if (objects.ok() && job.objects.size() < job.request.prompts.size()) {
        decodes_.enqueue(part.job);
      } else {
        over.push_back(part.job);
      }
    }
  }
  for (const DecodeJobPtr& job : over) {
    const StageTimes times{job->began - job->waiter.since, job->ran};
    metrics_.stage(Lane::Decode, times);
    if (objects.ok()) {
      job->waiter.done(Decoded{std::move(job->objects), times});
    } else {
      job->waiter.done(objects.status());
    }
  }
}

}  // namespace facet::service
