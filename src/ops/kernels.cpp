#include "ops/kernels.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "facet/status.h"
#include "ops/mask_runs.h"

namespace facet::ops {

void refuse_layout(const std::string& layout, const std::string& expected) {
  throw StatusError(
      {StatusCode::BadModel, "packed weights are laid out as '" + layout + "', expected '" + expected + "'"});
}

void expect_packed_size(const std::string& layout, const Tensor& bytes, std::int64_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.view().raw());
  if (std::int64_t(bytes.size_bytes()) == size && address % kPackedAlignment == 0) return;
  throw StatusError({StatusCode::BadModel, "packed weights laid out as '" + layout + "' take " +
                                               std::to_string(size) + " aligned bytes, found " +
                                               std::to_string(bytes.size_bytes())});
}

void Kernels::upload(Context& /*ctx*/, ConstTensorView host, TensorView out) const {
  std::memcpy(out.raw(), host.raw(), host.size_bytes());
}

void Kernels::download(Context& /*ctx*/, ConstTensorView x, TensorView host) const {
  std::memcpy(host.raw(), x.raw(), x.size_bytes());
}

void Kernels::copy_rows(Context& /*ctx*/, RowsView from, std::int64_t rows, std::int64_t width, float* to,
                        std::int64_t to_stride) const {
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(from.first + row * from.stride, width, to + row * to_stride);
  }
}

std::vector<MaskRuns> Kernels::mask_runs(Context& /*ctx*/, const MaskRunsArgs& /*args*/) const {
  throw StatusError(
      {StatusCode::Internal, "the kernels '" + std::string(name()) + "' make no runs of masks"});
}

namespace {
[[noreturn]] void refuse_layers(std::string_view kernels) {
  throw StatusError(
      {StatusCode::Internal, "the kernels '" + std::string(kernels) + "' know no layered pictures"});
}
}  // namespace

void Kernels::project_picture(Context& /*ctx*/, const ProjectPictureArgs& /*args*/,
                              TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::fold_tokens(Context& /*ctx*/, ConstTensorView /*tokens*/, ConstTensorView /*matrix*/,
                          int /*heads*/, TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::weigh_tokens(Context& /*ctx*/, const WeighTokensArgs& /*args*/, TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::squared_length(Context& /*ctx*/, const SquaredLengthArgs& /*args*/, TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::pool_picture(Context& /*ctx*/, const PoolPictureArgs& /*args*/, TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::picture_masks(Context& /*ctx*/, const PictureMasksArgs& /*args*/, TensorView /*out*/) const {
  refuse_layers(name());
}
void Kernels::to_position_blocks(Context& /*ctx*/, ConstTensorView /*x*/, std::int64_t /*first*/,
                                 TensorView /*out*/) const {
  refuse_layers(name());
}

void Kernels::picture_input(Context& /*ctx*/, const PictureInputArgs& /*args*/, TensorView /*out*/) const {
  throw StatusError({StatusCode::Internal, "the kernels '" + std::string(name()) + "' resize no pictures"});
}

std::unique_ptr<const PackedLinear> Kernels::open_linear(std::int64_t /*in*/, std::int64_t /*out*/,
                                                         const std::string& layout, Tensor /*bytes*/) const {
  refuse_layout(layout, "nothing packed, by the kernels '" + std::string(name()) + "'");
}

std::unique_ptr<const PackedConv2d> Kernels::open_conv2d(const Conv2dConfig& /*config*/,
                                                         const std::string& layout, Tensor /*bytes*/) const {
  refuse_layout(layout, "nothing packed, by the kernels '" + std::string(name()) + "'");
}

}  // namespace facet::ops
