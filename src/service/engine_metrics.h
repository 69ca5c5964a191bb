#pragma once

#include "service/encode_queue.h"
#include "service/metrics.h"

namespace facet::service {

enum class Lane { Encode, Decode, Everything };
[[nodiscard]] const char* lane_name(Lane lane);

/// The engine's metrics, looked up once.
class EngineMetrics {
 public:
  explicit EngineMetrics(Metrics& metrics);

  void stage(Lane lane, const StageTimes& times);
  void refused(Lane lane, const char* reason);
  void batch_closed(EncodeQueue::Closed reason, std::size_t pictures);

  Gauge& encodes_queued;
  Gauge& decodes_queued;
  Counter& joined;
  Counter& prepared_ahead;
  Histogram& decode_prompts;
  Histogram& gap_seconds;  ///< of work that gives way, between two places where it does
  Counter& busy_seconds;

 private:
  Metrics& metrics_;
  Histogram& encode_batch_;
};

}  // namespace facet::service
