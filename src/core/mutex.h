#pragma once

#include <condition_variable>
#include <mutex>

#include "core/thread_annotations.h"

namespace facet {

/// std::mutex, known to clang's analysis.
class FACET_CAPABILITY("mutex") Mutex {
 public:
  void lock() FACET_ACQUIRE() { mutex_.lock(); }
  void unlock() FACET_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope; may be let go and taken again inside it.
class FACET_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) FACET_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() FACET_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void lock() FACET_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }
  void unlock() FACET_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// Waits on a Mutex that the caller holds.
using ConditionVariable = std::condition_variable_any;

}  // namespace facet
