#pragma once

/// What clang's -Wthread-safety checks: which mutex guards a member, which a function needs or takes. Nothing
/// under other compilers.
#if defined(__clang__)
#define FACET_THREAD_ANNOTATION(annotation) __attribute__((annotation))
#else
#define FACET_THREAD_ANNOTATION(annotation)
#endif

#define FACET_CAPABILITY(name) FACET_THREAD_ANNOTATION(capability(name))
#define FACET_SCOPED_CAPABILITY FACET_THREAD_ANNOTATION(scoped_lockable)
#define FACET_GUARDED_BY(mutex) FACET_THREAD_ANNOTATION(guarded_by(mutex))
#define FACET_REQUIRES(...) FACET_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define FACET_ACQUIRE(...) FACET_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define FACET_RELEASE(...) FACET_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define FACET_EXCLUDES(...) FACET_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define FACET_NO_THREAD_SAFETY_ANALYSIS FACET_THREAD_ANNOTATION(no_thread_safety_analysis)
