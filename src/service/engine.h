#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/clock.h"
#include "facet/automatic_masks.h"
#include "facet/predictor.h"
#include "service/embedding_cache.h"
#include "service/embedding_store.h"
#include "service/metrics.h"
#include "service/served_model.h"

namespace facet::service {

/// How long an answer is wanted, and by whom. Work that nobody waits for any more is not begun, and stops
/// between two blocks of the model where it has begun.
struct RequestScope {
  TimePoint deadline = TimePoint::max();  ///< passed: DeadlineExceeded
  std::stop_token stop;                   ///< the client is gone: Cancelled
};

/// Where a request's time went.
struct StageTimes {
  Duration queued{};  ///< from the call to the start of its work
  Duration ran{};     ///< its work, what was run in between not counted
};

enum class EmbeddingSource {
  Memory,   ///< found in this process
  Store,    ///< found in the store (Redis)
  Encoded,  ///< encoded for this request
  Joined,   ///< encoded for another request that wanted the same at the same time
};

/// While it lives, a batch that others wait in stays open for one more picture, for `max_delay` at most.
using EncodeExpectation = std::shared_ptr<const void>;

struct EncodeRequest {
  ServedModelPtr model;
  std::shared_ptr<const Image> image;
  /// By what caches know the picture; none: it is encoded for this request alone, and not kept.
  std::optional<ContentHash> content;
  std::string tenant;
  RequestScope scope;
  EncodeExpectation expectation = nullptr;  ///< of this picture; ends when it is in line
};
struct Encoded {
  Embedding embedding;
  EmbeddingSource source = EmbeddingSource::Encoded;
  StageTimes times;
};

struct DecodeRequest {
  ServedModelPtr model;
  Embedding embedding;
  std::vector<Prompt> prompts;
  PredictOptions options;  ///< `progress` and `stop` are not used: the scope has the latter
  RequestScope scope;
};
struct Decoded {
  std::vector<ObjectPrediction> objects;  ///< one a prompt, in order
  StageTimes times;
};

struct EverythingRequest {
  ServedModelPtr model;
  Embedding embedding;                 ///< of the whole picture
  std::shared_ptr<const Image> image;  ///< what crops are cut from; null without crops
  AutomaticMaskOptions options;        ///< `progress` is called on the engine's thread; `stop` is not used
  RequestScope scope;
};
struct EverythingFound {
  std::vector<AutomaticMask> masks;
  StageTimes times;
};

/// Called exactly once, on a thread of the engine or its store or, where the answer is known at once, on the
/// caller's before the call returns. It must be quick and must not throw: hand the result on and return.
template <class T>
using Completion = std::function<void(Result<T>)>;

struct EngineOptions {
  int threads = 0;  ///< of the engine's team; 0 takes the processors this process may run on
  /// Encodes waiting at most; decodes have as many places of their own. Beyond it: Unavailable.
  int max_queued = 100;
  int max_batch = 8;                         ///< pictures encoded together at most
  std::chrono::milliseconds max_delay{100};  ///< a batch waits for pictures on their way at most this long
  /// Whether pictures encoded together take less time than one after the other. On a CPU they do not
  /// (docs/performance.md): each batch closes at once with one picture, and nobody waits for nothing.
  bool batching_pays = false;
  int max_decode_batch = 16;  ///< prompts decoded together at most
  /// Beyond a few, a decode that would wait longer than this is refused: who is let in keeps a good latency,
  /// however many more there are than can be served.
  std::chrono::milliseconds max_decode_wait{250};
  /// Work that comes to no place where others are let in for so long hangs, as on a lost device. The longest
  /// way between two such places that is known is the clean-up of a mask of a very large picture: seconds.
  std::chrono::milliseconds hang_limit = std::chrono::minutes(5);
};

/// Runs models for many requests on one device with one team of threads.
///
/// Encodes run in the order they came, equal pictures in flight once. Decodes for one embedding are joined
/// into one run. A decode does not wait for an encode: between two blocks of the encoder the waiting decodes
/// run on the same threads, each at most once per gap, so that neither starves. While nobody waits, pictures
/// that were clicked on are prepared for more (Predictor::prepare_ahead).
///
/// Metrics  facet_engine_queued{lane}, facet_engine_stage_seconds{lane, stage}, facet_encode_batch_size,
///          facet_encode_batches_closed_total{reason}, facet_decode_batch_prompts, facet_engine_joined_total,
///          facet_engine_prepared_ahead_total, facet_engine_refused_total{lane, reason},
///          facet_engine_gap_seconds, facet_engine_busy_seconds_total
/// Threads  any; the destructor answers Cancelled to who still waits
class Engine {
 public:
  /// `store` may be null. Made in the order metrics, cache, store, engine, they end in the right one: each
  /// outlives what comes after it, and a late answer of the store still finds the cache.
  Engine(EngineOptions options, EmbeddingCache& cache, EmbeddingStore* store, Metrics& metrics,
         Clock& clock = steady_clock());
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Looks into the caches only: ok with nothing when the embedding must be computed.
  void find(const EmbeddingKey& key, Completion<std::optional<Encoded>> done);
  /// A picture will be encoded soon, or be found to be none.
  [[nodiscard]] EncodeExpectation expect_encode();
  /// The embedding of a picture, from a cache or encoded; encoded always where it has no name in them.
  /// Errors  Unavailable when the queue is full or the deadline cannot be met; DeadlineExceeded; Cancelled;
  ///         as Predictor::set_image
  void encode(EncodeRequest request, Completion<Encoded> done);
  /// Errors  Unavailable, DeadlineExceeded, Cancelled; as Predictor::predict
  void decode(DecodeRequest request, Completion<Decoded> done);
  /// Queued with the encodes.   Errors  Unavailable, DeadlineExceeded, Cancelled; as
  /// AutomaticMaskGenerator::generate
  void everything(EverythingRequest request, Completion<EverythingFound> done);

  /// How long a refused client should stay away: the time the queue needs at the speed measured last.
  [[nodiscard]] std::chrono::seconds retry_after() const;
  /// Not while its thread has had work for the hang limit and gives no sign of life.
  [[nodiscard]] bool alive() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // an answer of the store may come late
};

[[nodiscard]] EmbeddingKey embedding_key(const ServedModel& model, const ContentHash& content,
                                         const std::string& tenant);

}  // namespace facet::service
