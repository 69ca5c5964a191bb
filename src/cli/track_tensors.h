#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "facet/status.h"
#include "facet/tensor.h"
#include "facet/video_session.h"

namespace facet::cli {

/// Collects logits for comparison with the reference: every `stride`-th pixel of every `stride`-th row, at
/// the video's resolution, -1024 where an object has no mask.
class TrackTensors {
 public:
  TrackTensors(std::filesystem::path path, int stride) : path_(std::move(path)), stride_(stride) {}

  /// Keeps the masks' logits as NAME, [objects, ceil(H / stride), ceil(W / stride)].
  /// Errors  ContractError when a mask has no logits
  void add(std::string name, const FrameMasks& masks);
  /// Errors  OutputFailed
  Status write() const;

 private:
  std::filesystem::path path_;
  int stride_;
  std::vector<std::string> names_;
  std::deque<Tensor> tensors_;
};

}  // namespace facet::cli
