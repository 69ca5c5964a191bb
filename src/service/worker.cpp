#include "service/worker.h"

#include <pthread.h>

#include <thread>

namespace facet::service {

struct Worker::Impl {
  std::jthread thread;
};

Worker::Worker(std::string name, std::function<void(std::stop_token)> body)
    : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::jthread([name = std::move(name), body = std::move(body)](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), name.c_str());
    body(stop);
  });
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace facet::service
