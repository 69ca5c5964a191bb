#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace cuda_emulation {
namespace {

constexpr std::size_t kStack = 256 << 10;
constexpr std::size_t kGuard = 4096;

Fiber* g_left = nullptr;

std::size_t spread(std::size_t index) { return (index % 61) * 528; }

unsigned char* map_stack() {
  void* pages = mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages, kGuard, PROT_NONE) != 0) {
    std::fputs("cuda_emulation: cannot map a fiber's stack\n", stderr);
    std::abort();
  }
  return static_cast<unsigned char*>(pages);
}

}  // namespace

#ifdef __x86_64__

// swapcontext would make two system calls for the signal mask at each switch.
extern "C" void cuda_emulation_switch_stack(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl cuda_emulation_switch_stack
.type cuda_emulation_switch_stack, @function
cuda_emulation_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cuda_emulation_switch_stack, .-cuda_emulation_switch_stack
)");

void Fiber::restart() {
  constexpr int kSavedRegisters = 6;
  auto* frame = reinterpret_cast<std::uintptr_t*>(mapping_ + top_);
  *--frame = 0;  // no return address: the entry does not return
  *--frame = reinterpret_cast<std::uintptr_t>(entry_);
  for (int i = 0; i < kSavedRegisters; ++i) *--frame = 0;
  stack_pointer_ = frame;
}

static void switch_stack(void*& save, void* load) { cuda_emulation_switch_stack(&save, load); }

#else

void Fiber::restart() {
  auto* context = reinterpret_cast<ucontext_t*>(mapping_ + kGuard);
  getcontext(context);
  context->uc_link = nullptr;
  context->uc_stack.ss_sp = mapping_ + kGuard + sizeof(ucontext_t);
  context->uc_stack.ss_size = top_ - kGuard - sizeof(ucontext_t);
  makecontext(context, entry_, 0);
  stack_pointer_ = context;
}

static void switch_stack(void*& save, void* load) {
  ucontext_t here;
  save = &here;
  auto* there = static_cast<ucontext_t*>(load);
  swapcontext(&here, there);
}

#endif

Fiber::Fiber(void (*entry)(), std::size_t index)
    : entry_(entry), mapping_(map_stack()), top_(kGuard + kStack - spread(index)) {
  stack_bottom_ = mapping_ + kGuard;
  stack_size_ = top_ - kGuard;
#ifdef __SANITIZE_THREAD__
  thread_state_ = __tsan_create_fiber(0);
#endif
  restart();
}

Fiber::~Fiber() {
  if (mapping_ == nullptr) return;
#ifdef __SANITIZE_THREAD__
  __tsan_destroy_fiber(thread_state_);
#endif
  munmap(mapping_, kStack + kGuard);
}

void Fiber::leave_for([[maybe_unused]] Fiber& to) {
  g_left = this;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&fake_stack_, to.stack_bottom_, to.stack_size_);
#endif
#ifdef __SANITIZE_THREAD__
  thread_state_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.thread_state_, 0);
#endif
}

void Fiber::come_back() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake_stack_, &g_left->stack_bottom_, &g_left->stack_size_);
#endif
}

void Fiber::arrive() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &g_left->stack_bottom_, &g_left->stack_size_);
#endif
}

void Fiber::change(Fiber& from, Fiber& to) {
  from.leave_for(to);
  switch_stack(from.stack_pointer_, to.stack_pointer_);
  from.come_back();
}

}  // namespace cuda_emulation
