#include "service/worker.h"

#include <pthread.h>
#include <sys/resource.h>

#include <thread>

namespace facet::service {

namespace {

constexpr int kBackgroundNice = 10;  // a tenth of a usual thread's share

}  // namespace

struct Worker::Impl {
  std::jthread thread;
};

Worker::Worker(std::string name, std::function<void(std::stop_token)> body, Priority priority)
    : impl_(std::make_unique<Impl>()) {
  const auto run = [name = std::move(name), body = std::move(body), priority](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), name.c_str());
    // Linux: of this thread alone. Where it is refused, the thread runs as the others.
    if (priority == Priority::Background) setpriority(PRIO_PROCESS, 0, kBackgroundNice);
    body(stop);
  };
  impl_->thread = std::jthread(run);
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace facet::service
