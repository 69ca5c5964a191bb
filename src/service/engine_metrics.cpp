#include "service/engine_metrics.h"

#include <array>

namespace facet::service {
namespace {

constexpr std::array<double, 6> kBatchBounds = {1, 2, 4, 8, 16, 32};

const char* closed_name(EncodeQueue::Closed reason) {
  switch (reason) {
    case EncodeQueue::Closed::Alone:
      return "alone";
    case EncodeQueue::Closed::Full:
      return "full";
    case EncodeQueue::Closed::Delay:
      return "delay";
    case EncodeQueue::Closed::Complete:
      return "complete";
    case EncodeQueue::Closed::OtherModel:
      return "other_model";
  }
  return "unknown";
}

}  // namespace

const char* lane_name(Lane lane) {
  switch (lane) {
    case Lane::Encode:
      return "encode";
    case Lane::Decode:
      return "decode";
    case Lane::Everything:
      return "everything";
  }
  return "unknown";
}

EngineMetrics::EngineMetrics(Metrics& metrics)
    : encodes_queued(metrics.gauge("facet_engine_queued", "Jobs that wait, by lane", {{"lane", "encode"}})),
      decodes_queued(metrics.gauge("facet_engine_queued", "Jobs that wait, by lane", {{"lane", "decode"}})),
      joined(metrics.counter("facet_engine_joined_total",
                             "Requests answered by the encode of another for the same picture")),
      prepared_ahead(metrics.counter("facet_engine_prepared_ahead_total",
                                     "Pictures made ready for more clicks while nobody waited")),
      decode_prompts(
          metrics.histogram("facet_decode_batch_prompts", "Prompts decoded in one run", kBatchBounds)),
      gap_seconds(metrics.histogram("facet_engine_gap_seconds",
                                    "Work between two places where a long job gives way", latency_bounds())),
      busy_seconds(metrics.counter("facet_engine_busy_seconds_total", "Time in which the engine had work")),
      metrics_(metrics),
      encode_batch_(
          metrics.histogram("facet_encode_batch_size", "Pictures encoded in one run", kBatchBounds)) {}

void EngineMetrics::stage(Lane lane, const StageTimes& times) {
  const auto observe = [&](const char* stage, Duration time) {
    metrics_
        .histogram("facet_engine_stage_seconds", "Time of a request in a stage, by lane", latency_bounds(),
                   {{"lane", lane_name(lane)}, {"stage", stage}})
        .observe(seconds(time));
  };
  observe("queued", times.queued);
  observe("ran", times.ran);
}

void EngineMetrics::refused(Lane lane, const char* reason) {
  metrics_
      .counter("facet_engine_refused_total", "Requests that were not queued, by lane and reason",
               {{"lane", lane_name(lane)}, {"reason", reason}})
      .add();
}

void EngineMetrics::batch_closed(EncodeQueue::Closed reason, std::size_t pictures) {
  metrics_
      .counter("facet_encode_batches_closed_total", "Batches of pictures, by why they were closed",
               {{"reason", closed_name(reason)}})
      .add();
  encode_batch_.observe(double(pictures));
}

}  // namespace facet::service
