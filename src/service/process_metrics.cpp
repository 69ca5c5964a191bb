#include "service/process_metrics.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

namespace facet::service {
namespace {

double resident_bytes() {
  std::ifstream stream("/proc/self/statm");
  double total = 0;
  double resident = 0;
  stream >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_files() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(entries), end(entries)));
}

/// The first numbers of a file; none when it is absent or says "max".
std::optional<double> number_in(const char* path) {
  std::ifstream stream(path);
  double value = 0;
  if (stream >> value) return value;
  return std::nullopt;
}

/// As a container sees its own control group, version 2 or 1.
double memory_limit_bytes() {
  struct sysinfo machine {};
  double limit = sysinfo(&machine) == 0 ? static_cast<double>(machine.totalram) * machine.mem_unit : 0;
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto group = number_in(path)) limit = std::min(limit, *group);
  }
  return limit;
}

double processor_limit() {
  cpu_set_t set;
  CPU_ZERO(&set);
  double limit = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  std::ifstream group("/sys/fs/cgroup/cpu.max");  // microseconds of each period
  double quota = 0;
  double period = 0;
  if (group >> quota >> period && period > 0) limit = std::min(limit, quota / period);
  const auto old_quota = number_in("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto old_period = number_in("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (old_quota && old_period && *old_quota > 0 && *old_period > 0)
    limit = std::min(limit, *old_quota / *old_period);
  return limit;
}

}  // namespace

void add_process_metrics(Metrics& metrics) {
  metrics.gauge_function("facet_process_resident_bytes", "Memory of the process.", resident_bytes);
  metrics.gauge_function("facet_process_heap_bytes", "Memory in use by way of malloc.", [] {
    const struct mallinfo2 heap = mallinfo2();
    return static_cast<double>(heap.uordblks + heap.hblkhd);
  });
  metrics.gauge_function("facet_process_heap_free_bytes", "Memory that malloc keeps and nobody uses.",
                         [] { return static_cast<double>(mallinfo2().fordblks); });
  metrics.gauge_function("facet_process_memory_limit_bytes", "Memory that the process may use.",
                         memory_limit_bytes);
  metrics.counter_function("facet_process_cpu_seconds_total", "Processor time of the process.",
                           processor_seconds);
  metrics.gauge_function("facet_process_cpu_limit", "Processors that the process may use.", processor_limit);
  metrics.gauge_function("facet_process_open_files", "Open descriptors.", open_files);
}

}  // namespace facet::service
