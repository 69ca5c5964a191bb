#pragma once

#include "ops/attention.h"
#include "ops/convert.h"
#include "ops/kernels.h"

namespace facet::ops {

/// Kernels whose attention computes in float32 alone, taught to take and give bfloat16 by converting around
/// it.
template <class Base>
class Float32AttentionBridge : public Base {
 public:
  using Base::Base;

  void attention(Context& ctx, const AttentionArgs& args, TensorView out) const override {
    AttentionArgs wide = args;
    const Read read(ctx, wide.q, wide.k, wide.v);
    WriteAs to(ctx, out, DType::Float32);
    Base::attention(ctx, wide, to.view());
    to.finish(ctx);
  }
  void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) const override {
    WindowAttentionArgs wide = args;
    const Read read(ctx, wide.q, wide.k, wide.v);
    WriteAs to(ctx, out, DType::Float32);
    Base::window_attention(ctx, wide, to.view());
    to.finish(ctx);
  }

 private:
  /// Lets the views see float32 tensors while it lives; views of one tensor share one copy.
  class Read {
   public:
    Read(Context& ctx, HeadView& q, HeadView& k, HeadView& v)
        : q_(ctx, q.tensor, DType::Float32),
          k_(ctx, k.tensor.raw() == q.tensor.raw() ? q_.view() : k.tensor, DType::Float32),
          v_(ctx, v.tensor.raw() == k.tensor.raw() ? k_.view() : v.tensor, DType::Float32) {
      q.tensor = q_.view();
      k.tensor = k_.view();
      v.tensor = v_.view();
    }

   private:
    ReadAs q_, k_, v_;
  };
};

/// The same for all operations that meet bfloat16.
template <class Base>
class Float32Bridge : public Float32AttentionBridge<Base> {
 public:
  using Float32AttentionBridge<Base>::Float32AttentionBridge;

  void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
              TensorView out) const override {
    WriteAs to(ctx, out, DType::Float32, options.accumulate);
    Base::linear(ctx, ReadAs(ctx, x, DType::Float32).view(), weights, options, to.view());
    to.finish(ctx);
  }
  void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) const override {
    WriteAs to(ctx, out, DType::Float32);
    Base::conv2d(ctx, ReadAs(ctx, x, DType::Float32).view(), weights, to.view());
    to.finish(ctx);
  }
  void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                  Activation activation, TensorView out) const override {
    WriteAs to(ctx, out, DType::Float32);
    Base::layer_norm(ctx, ReadAs(ctx, x, DType::Float32).view(), gamma, beta, eps, activation, to.view());
    to.finish(ctx);
  }
  void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) const override {
    WriteAs to(ctx, out, DType::Float32);
    Base::space_to_depth(ctx, ReadAs(ctx, x, DType::Float32).view(), block, to.view());
    to.finish(ctx);
  }
  void max_pool2(Context& ctx, ConstTensorView x, TensorView out) const override {
    WriteAs to(ctx, out, DType::Float32);
    Base::max_pool2(ctx, ReadAs(ctx, x, DType::Float32).view(), to.view());
    to.finish(ctx);
  }
  void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) const override {
    WriteAs to(ctx, x, DType::Float32, true);
    Base::rotate_positions(ctx, angles, to.view());
    to.finish(ctx);
  }
};

}  // namespace facet::ops
