#pragma once

#include "service/metrics.h"

namespace facet::service {

/// What the process uses, and what it may use at most: the smaller of the machine's and, in a container, its
/// control group's.
///
/// Metrics  facet_process_resident_bytes, facet_process_memory_limit_bytes, facet_process_cpu_seconds_total,
///          facet_process_cpu_limit (processors), facet_process_open_files, facet_process_heap_bytes,
///          facet_process_heap_free_bytes
void add_process_metrics(Metrics& metrics);

}  // namespace facet::service
