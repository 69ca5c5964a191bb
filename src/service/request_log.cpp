#include "service/request_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace facet::service {
namespace {

constexpr std::size_t kQueue = 8192;  // lines

struct LevelName {
  RequestLog::Level level;
  std::string_view name;
  spdlog::level::level_enum spdlog_level;
};
constexpr LevelName kLevels[] = {{RequestLog::Level::Debug, "debug", spdlog::level::debug},
                                 {RequestLog::Level::Info, "info", spdlog::level::info},
                                 {RequestLog::Level::Warning, "warning", spdlog::level::warn},
                                 {RequestLog::Level::Error, "error", spdlog::level::err}};

const LevelName& named(RequestLog::Level level) { return kLevels[static_cast<int>(level)]; }

/// "2026-11-21T14:03:22.123Z"
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     ms);
}

}  // namespace

struct RequestLog::Impl {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueue, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("facet", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool,
                                             spdlog::async_overflow_policy::overrun_oldest);
  bool json = true;
};

RequestLog::RequestLog(const std::string& format, const std::string& level)
    : impl_(std::make_unique<Impl>()) {
  impl_->json = format == "json";
  impl_->logger->set_pattern("%v");
  for (const LevelName& known : kLevels) {
    if (known.name == level) impl_->logger->set_level(known.spdlog_level);
  }
}

RequestLog::~RequestLog() { flush(); }

void RequestLog::write(Level level, std::string_view event, const Json& fields) {
  const LevelName& name = named(level);
  if (!impl_->logger->should_log(name.spdlog_level)) return;
  if (impl_->json) {
    Json line = {{"time", time_text()}, {"level", name.name}, {"event", event}};
    line.update(fields);
    impl_->logger->log(name.spdlog_level, "{}", dump(line));
    return;
  }
  std::string line = fmt::format("{} {:7} {}", time_text(), name.name, event);
  for (const auto& [key, value] : fields.items()) line += fmt::format(" {}={}", key, dump(value));
  impl_->logger->log(name.spdlog_level, "{}", line);
}

void RequestLog::flush() { impl_->logger->flush(); }

}  // namespace facet::service
