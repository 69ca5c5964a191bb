#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "facet/predictor.h"
#include "facet/video_session.h"

namespace facet::segment {

/// A model that answers prompts on the frames of a video: a frame is encoded once for all its prompts, and
/// the encoding of the last one is kept.
class FrameSegmenter {
 public:
  FrameSegmenter(ModelPtr model, const VideoOptions& options);

  /// Errors  as Predictor::set_image
  Status encode(int frame, const Image& image);
  /// One answer on the frame that was encoded last: the model's best of three where a lone point may mean a
  /// part or the whole.   Errors  as Predictor::predict
  Result<MaskPrediction> answer(const Prompt& prompt);
  /// All that the model has to say to each prompt: its three answers and its single one.
  Result<std::vector<std::vector<MaskPrediction>>> candidates(std::span<const Prompt> prompts);

  /// Logits of an answer [256, 256] in a picture of this size, which shows the whole frame.
  [[nodiscard]] std::vector<float> upsample(const Tensor& low_res_logits, Size size) const;
  [[nodiscard]] const ModelInfo& model() const { return predictor_.model(); }
  [[nodiscard]] bool was_encoded(int frame) const {
    return frame < int(encoded_.size()) && encoded_[std::size_t(frame)];
  }
  [[nodiscard]] int encodings() const { return encodings_; }

 private:
  Result<std::vector<ObjectPrediction>> predict(std::span<const Prompt> prompts, bool multimask);
  Predictor predictor_;
  std::stop_token stop_;
  std::optional<std::pair<int, Embedding>> last_;
  std::vector<bool> encoded_;  // by frame
  int encodings_ = 0;
};

/// The IoU of a mask with another, both at the frame's size, decides; between equals the model's score.
[[nodiscard]] std::size_t most_agreeing(const std::vector<MaskPrediction>& candidates, const Rle& mask);

}  // namespace facet::segment
