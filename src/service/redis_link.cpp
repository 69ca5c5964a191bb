#include "service/redis_link.h"

namespace facet::service {
namespace {

// Connecting is nobody's wait, but the thread should notice soon that it is to stop.
constexpr std::chrono::milliseconds kConnectLimit{500};

}  // namespace

RedisLink::RedisLink(std::string role, const RedisOptions& options, std::chrono::milliseconds limit,
                     Metrics& metrics, Clock& clock)
    : role_(std::move(role)),
      options_(options),
      limit_(limit),
      metrics_(metrics),
      clock_(clock),
      up_gauge_(metrics.gauge("facet_redis_up", "1 while requests are sent to Redis", {{"role", role_}})),
      dropped_(metrics.counter("facet_redis_dropped_total", "Requests that found the queue to Redis full",
                               {{"role", role_}})),
      worker_("facet-redis", [this](const std::stop_token& stop) { run(stop); }) {}

RedisLink::~RedisLink() {
  worker_.stop();
  give_up_all();
}

bool RedisLink::up() const {
  const MutexLock lock(mutex_);
  return up_;
}

void RedisLink::submit(Task task) {
  {
    const MutexLock lock(mutex_);
    if (up_ && queue_.size() < std::size_t(options_.max_waiting)) {
      queue_.push_back({std::move(task), std::chrono::steady_clock::now() + limit_});
      changed_.notify_all();
      return;
    }
    if (up_) dropped_.add();
  }
  task.give_up();
}

void RedisLink::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    changed_.notify_all();
  });
  while (!stop.stop_requested()) {
    if (connection_ == nullptr) {
      try_server(stop);
    } else {
      serve(stop);
    }
  }
}

void RedisLink::try_server(const std::stop_token& stop) {
  if (failures_ >= options_.failures_to_open) {
    const MutexLock lock(mutex_);
    const TimePoint again = clock_.now() + options_.retry_every;
    while (!stop.stop_requested() && clock_.now() < again) clock_.wait(changed_, mutex_, again);
    if (stop.stop_requested()) return;
  }
  auto opened = RedisConnection::open(options_, std::chrono::steady_clock::now() + kConnectLimit);
  if (!opened.ok()) return fail(opened.status(), "connect");
  connection_ = std::make_unique<RedisConnection>(std::move(opened).value());
  set_up(true);
}

void RedisLink::serve(const std::stop_token& stop) {
  Waiting next;
  {
    const MutexLock lock(mutex_);
    while (queue_.empty() && !stop.stop_requested()) clock_.wait(changed_, mutex_, TimePoint::max());
    if (stop.stop_requested()) return;
    next = std::move(queue_.front());
    queue_.pop_front();
  }
  if (std::chrono::steady_clock::now() >= next.deadline) return next.task.give_up();
  const Status status = next.task.work(*connection_, next.deadline);
  if (status.ok()) {
    failures_ = 0;
    return;
  }
  fail(status, status.code() == StatusCode::DeadlineExceeded ? "timeout" : "failed");
  next.task.give_up();
}

void RedisLink::fail(const Status& /*status*/, const char* reason) {
  metrics_
      .counter("facet_redis_errors_total", "Exchanges with Redis that failed, by role and reason",
               {{"role", role_}, {"reason", reason}})
      .add();
  ++failures_;
  connection_ = nullptr;
  set_up(false);
  give_up_all();
}

void RedisLink::set_up(bool up) {
  const MutexLock lock(mutex_);
  up_ = up;
  up_gauge_.set(up ? 1 : 0);
}

void RedisLink::give_up_all() {
  std::deque<Waiting> waiting;
  {
    const MutexLock lock(mutex_);
    up_ = false;
    waiting.swap(queue_);
  }
  for (const Waiting& one : waiting) one.task.give_up();
}

}  // namespace facet::service
