// How a result is finished and stored, as exact as its type can hold; included once per target.
#if defined(FACET_OPS_CPU_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_FINISH_INL_H_
#undef FACET_OPS_CPU_FINISH_INL_H_
#else
#define FACET_OPS_CPU_FINISH_INL_H_
#endif

#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// The GELU to within 2e-4, for results that are rounded to bfloat16: x (1/2 + x p(x^2)), where p is the
// polynomial of degree 6 that is nearest to (Phi(x) - 1/2) / x up to 4, weighted by what the GELU makes of
// the error, and exactly 1/8 there. A third of the exact one's work.
HWY_INLINE FloatVec coarse_gelu(FloatVec x) {
  const Floats d;
  const FloatVec near = hn::Min(hn::Max(x, hn::Set(d, -4.0F)), hn::Set(d, 4.0F));
  const FloatVec t = hn::Mul(near, near);
  FloatVec p = hn::Set(d, 2.25887894e-8F);
  p = hn::MulAdd(p, t, hn::Set(d, -1.58885853e-6F));
  p = hn::MulAdd(p, t, hn::Set(d, 4.77645463e-5F));
  p = hn::MulAdd(p, t, hn::Set(d, -8.12194252e-4F));
  p = hn::MulAdd(p, t, hn::Set(d, 8.763726e-3F));
  p = hn::MulAdd(p, t, hn::Set(d, -6.4554495e-2F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.397870332F));
  return hn::Mul(x, hn::MulAdd(near, p, hn::Set(d, 0.5F)));
}

HWY_INLINE FloatVec activated_for(const float* /*to*/, Activation activation, FloatVec x) {
  return activated(activation, x);
}
HWY_INLINE FloatVec activated_for(const BFloat16* /*to*/, Activation activation, FloatVec x) {
  return activation == Activation::Gelu ? coarse_gelu(x) : activated(activation, x);
}

// to = activation(value), whole or the first `count`.
template <class Out>
HWY_INLINE void finish(FloatVec value, Activation activation, Out* to) {
  store(activated_for(to, activation, value), to);
}
template <class Out>
HWY_INLINE void finish_first(std::size_t count, FloatVec value, Activation activation, Out* to) {
  store_first(count, activated_for(to, activation, value), to);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
