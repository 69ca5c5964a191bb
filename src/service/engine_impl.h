#pragma once

#include <atomic>

#include "core/mutex.h"
#include "service/decode_queue.h"
#include "service/encode_queue.h"
#include "service/engine.h"
#include "service/engine_metrics.h"
#include "service/model_runs.h"
#include "service/worker.h"

namespace facet::service {

/// The engine behind its public face: submit* on any thread, the rest on the engine's own.
class Engine::Impl : public std::enable_shared_from_this<Engine::Impl> {
 public:
  Impl(EngineOptions options, EmbeddingCache& cache, EmbeddingStore* store, Metrics& metrics, Clock& clock);

  void start();
  /// Stops the thread, then answers Cancelled to everyone left.
  void shut_down() FACET_EXCLUDES(mutex_);

  void find(const EmbeddingKey& key, const Completion<std::optional<Encoded>>& done);
  [[nodiscard]] EncodeExpectation expect_encode() FACET_EXCLUDES(mutex_);
  void submit(EncodeRequest request, Completion<Encoded> done) FACET_EXCLUDES(mutex_);
  void submit(DecodeRequest request, Completion<Decoded> done) FACET_EXCLUDES(mutex_);
  void submit(EverythingRequest request, Completion<EverythingFound> done) FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::chrono::seconds retry_after() const FACET_EXCLUDES(mutex_);
  [[nodiscard]] bool alive() const;

 private:
  static constexpr Duration::rep kIdle = Duration::max().count();  // a sign of life that never grows old
  /// Seconds that one job of a lane took lately.
  struct Pace {
    double seconds_each = 0;
    void observe(double seconds) {
      seconds_each = seconds_each == 0 ? seconds : 0.8 * seconds_each + 0.2 * seconds;
    }
    [[nodiscard]] Duration wait(std::size_t jobs) const {
      return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds_each * double(jobs)));
    }
  };

  Status admit(Lane lane, bool full, Duration wait, const RequestScope& scope);
  void look_up(const EncodeJobPtr& job) FACET_EXCLUDES(mutex_);
  void answer_look_up(const EncodeJobPtr& job, const std::optional<Embedding>& found) FACET_EXCLUDES(mutex_);

  void run(const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  void wait_for_work(const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  /// When a job or a deadline calls for the thread; in the past where one does already.
  [[nodiscard]] TimePoint wanted_at() const FACET_REQUIRES(mutex_);
  void run_long_job() FACET_EXCLUDES(mutex_);
  void run_encodes(const EncodeQueue::Batch& batch) FACET_EXCLUDES(mutex_);
  void run_everything(const EverythingJobPtr& job) FACET_EXCLUDES(mutex_);
  /// The hook between two blocks of a long job: everyone waiting for a decode now gets a turn.
  void give_way() FACET_EXCLUDES(mutex_);
  void run_decodes() FACET_EXCLUDES(mutex_);
  void run_decode(const std::vector<DecodeQueue::Part>& parts) FACET_EXCLUDES(mutex_);
  /// Where nobody waits: makes what the next clicks on a picture would make first.
  void prepare_ahead() FACET_EXCLUDES(mutex_);
  void sweep() FACET_EXCLUDES(mutex_);
  void finish_encode(const EncodeJobPtr& job, const Result<Embedding>& result, EmbeddingSource source,
                     TimePoint began, Duration ran) FACET_EXCLUDES(mutex_);
  void report_queues() FACET_REQUIRES(mutex_);
  /// Notes that the thread has work and is alive.
  void sign_of_life() { last_sign_.store(clock_.now().time_since_epoch().count()); }

  const EngineOptions options_;
  EmbeddingCache& cache_;
  EmbeddingStore* const store_;
  Clock& clock_;
  EngineMetrics metrics_;
  ModelRuns runs_;  // the engine's thread alone

  mutable Mutex mutex_;
  ConditionVariable changed_;
  EncodeQueue encodes_ FACET_GUARDED_BY(mutex_);
  DecodeQueue decodes_ FACET_GUARDED_BY(mutex_);
  Pace encode_pace_ FACET_GUARDED_BY(mutex_);
  Pace decode_pace_ FACET_GUARDED_BY(mutex_);
  bool stopping_ FACET_GUARDED_BY(mutex_) = false;

  // The engine's thread alone: the long job's work so far, without what ran in between.
  TimePoint block_began_{};
  Duration worked_{};
  bool may_prepare_ = false;  // decodes ran since there was last nothing to prepare

  std::atomic<Duration::rep> last_sign_{kIdle};
  std::unique_ptr<Worker> worker_;
};

}  // namespace facet::service
