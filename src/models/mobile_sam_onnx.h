#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "io/checkpoint.h"
#include "io/weight_source.h"

namespace facet::models {

/// MobileSAM's weights out of a pair of ONNX graphs, the image encoder and the prompt encoder with the mask
/// decoder, under the names of the official mobile_sam.pt.
///
/// What PyTorch's exporter does to a checkpoint, and how each tensor is found again, exactly:
///   parameters that keep their names       as they are, `image_encoder.` put before the encoder's
///   a convolution and its batch norm       folded by the exporter: `X.c.weight` and `X.c.bias` replace
///   `X.c.weight`
///                                          and `X.bn.*`; the node's path says what X is
///   Linear layers of MatMul nodes          the weight is the transposed initializer
///   LayerNorm2d                            [C, 1, 1] factors of Mul and Add nodes
///   attention_biases [heads, N]            gathered into a constant [heads, N, N]; its row 0 are the N
///   biases in
///                                          their order, because offsets are numbered as seen from the first
///                                          token
///   no_mask_embed [1, C]                   a [1, C, 1, 1] factor of a Mul
///   iou_token [1, C], mask_tokens [4, C]   joined into a [1, 5, C] constant of an Expand
/// Absent are only tensors that segmentation does not use: the classifier's norm_head and head, and
/// num_batches_tracked.
///
/// Source  the names and order of modules in MobileSAM's tiny_vit_sam.py and segment-anything's
/// mask_decoder.py
class MobileSamOnnx final : public io::WeightSource {
 public:
  /// Where one tensor lies.
  struct Weight {
    const io::Checkpoint* file = nullptr;
    std::string initializer;
    io::TensorRecord record;  ///< a view of the initializer in the official shape
  };

  /// Errors  BadModel: a file is missing, damaged or not ONNX, or the pair is not MobileSAM
  static Result<std::unique_ptr<MobileSamOnnx>> open(const std::filesystem::path& encoder,
                                                     const std::filesystem::path& decoder);
  /// The same over checkpoints that are open.
  static Result<std::unique_ptr<MobileSamOnnx>> from_checkpoints(io::Checkpoint encoder,
                                                                 io::Checkpoint decoder);

  MobileSamOnnx(const MobileSamOnnx&) = delete;
  MobileSamOnnx& operator=(const MobileSamOnnx&) = delete;
  ~MobileSamOnnx() override = default;

  [[nodiscard]] const std::map<std::string, Weight, std::less<>>& weights() const { return weights_; }

  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] std::optional<Shape> shape(std::string_view name) const override;
  [[nodiscard]] Result<Tensor> read_float32(std::string_view name) const override;
  void release(std::string_view name) const override;

 private:
  MobileSamOnnx(io::Checkpoint encoder, io::Checkpoint decoder);
  Status collect();

  io::Checkpoint encoder_;
  io::Checkpoint decoder_;
  std::map<std::string, Weight, std::less<>> weights_;
};

}  // namespace facet::models
