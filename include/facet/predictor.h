#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "facet/model.h"
#include "facet/status.h"
#include "facet/tensor.h"

namespace facet {

/// What the image encoder made of one picture: a value that may be shared, cached, saved, and used by any
/// predictor of the same model.
/// Threads  immutable; copies share the features
struct Embedding {
  std::shared_ptr<const Tensor> features;  ///< [1, 64, 64, 256], channels last
  /// SAM 2 only: features of stride 4 and 8 in the mask decoder's order, sub-pixels beside their pixel.
  std::shared_ptr<const Tensor> high_res0;  ///< [1, 64 * 64 * 16, 32]
  std::shared_ptr<const Tensor> high_res1;  ///< [1, 64 * 64 * 4, 64]
  Size original_size;                       ///< of the picture
  Size input_size;                          ///< of the picture inside the model's square
  std::uint64_t model_fingerprint = 0;
};

/// Errors  OutputFailed
Status save_embedding(const Embedding& embedding, const std::filesystem::path& path);
/// Errors  BadModel when the file is not an embedding written by save_embedding
Result<Embedding> load_embedding(const std::filesystem::path& path);

/// One object to find: points and a box in pixels of the picture, and a mask from an earlier run; any mix, at
/// least one of them.
struct Prompt {
  std::vector<Point> points;
  std::vector<int> labels;  ///< one a point: 1 on the object, 0 on the background
  std::optional<Box> box;
  std::shared_ptr<const Tensor> mask_logits;  ///< [256, 256], as MaskPrediction::low_res_logits; null = none
};

/// Low-resolution mask logits for Prompt::mask_logits from a drawn mask of the picture's size.
[[nodiscard]] std::shared_ptr<const Tensor> mask_to_logits(const Bitmap& mask, const ModelInfo& model);

struct PredictOptions {
  bool multimask = true;        ///< three masks for an ambiguous prompt; else the single-mask output
  float min_score = -1e30F;     ///< masks with a lower predicted IoU are dropped, but the best is always kept
  float mask_threshold = 0.0F;  ///< logits above it are mask
  int max_hole_area = 0;        ///< holes of at most so many low-resolution cells become mask; 0 = none
  int max_sprinkle_area = 0;    ///< specks of at most so many low-resolution cells are cleared; 0 = none
  bool keep_low_res_logits = false;  ///< fill MaskPrediction::low_res_logits
  bool keep_full_logits = false;     ///< fill MaskPrediction::logits, 4 bytes a pixel of the picture
  int prompts_per_batch = 16;        ///< prompts decoded at once: bounds the memory
  std::function<void(int done, int total)> progress;  ///< called between batches, from the calling thread
  std::stop_token stop;                               ///< asked between batches
};

struct MaskPrediction {
  float score = 0;  ///< predicted IoU
  Rle rle;
  std::int64_t area = 0;
  BoxXywh bbox;
  Tensor low_res_logits;  ///< [256, 256] or empty
  Tensor logits;          ///< [height, width] of the picture, or empty
};

/// The masks of one prompt, in the order of the model's outputs.
struct ObjectPrediction {
  std::vector<MaskPrediction> masks;
  bool below_min_score = false;  ///< no mask reached min_score: `masks` holds the best one all the same
};

struct EncodeOptions {
  /// Called from the calling thread between the blocks of the encoder, every few milliseconds of work: a
  /// place to give way to something urgent, which may run another predictor on the same threads.
  std::function<void()> between_blocks;
  std::stop_token stop;  ///< asked at the same places
};

struct PredictorOptions {
  int threads = 0;  ///< 0 takes the processors this process may run on
};

/// Segments what prompts point at.
/// Threads  one thread at a time; make one predictor a thread, all on the same model
class Predictor {
 public:
  explicit Predictor(ModelPtr model, PredictorOptions options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  [[nodiscard]] const ModelInfo& model() const;
  /// The network's input: resized so that the longer side fits, normalised, padded. [1, 3, 1024, 1024]
  /// Errors  BadPicture when a side is under 2 pixels or the sides differ more than 1:1024
  Result<Tensor> preprocess(const Image& image);
  /// Runs the image encoder.   Errors  as preprocess; Cancelled; OutOfMemory
  Result<Embedding> set_image(const Image& image, const EncodeOptions& options = {});
  /// Encodes several pictures in one run, for devices that are faster so.   Errors  as set_image
  Result<std::vector<Embedding>> set_images(std::span<const Image* const> images,
                                            const EncodeOptions& options = {});
  /// Masks for each prompt, in order. Prompts of any mix share the embedding.
  /// Errors  BadPrompt names the prompt, what was expected and found (points outside the picture, boxes of no
  ///         area or reversed, labels other than 0 and 1, counts that differ, NaN, no prompt at all, logits
  ///         of the wrong shape); BadModel when the embedding is another model's; Cancelled; OutOfMemory
  Result<std::vector<ObjectPrediction>> predict(const Embedding& embedding, std::span<const Prompt> prompts,
                                                const PredictOptions& options = {});
  /// Uses idle time: makes what the prompts of a picture share (some 17 ms of work, about 21 MB), where
  /// `predict` was asked about it twice and would make it at the next call. False where there is nothing to
  /// make, as always where `predict` makes it at the first (bf16 and int8 with AMX). `between_blocks` is
  /// called every few milliseconds; there `predict` may be called. Errors  OutOfMemory; Cancelled when the
  /// hook throws it
  Result<bool> prepare_ahead(std::function<void()> between_blocks = {});
  /// The encoder's and decoder's working memory at its highest, in bytes, weights not counted.
  [[nodiscard]] std::size_t peak_working_bytes() const;
  /// How many batches of pictures and prompts were worked on in halves, for want of memory.
  [[nodiscard]] int reduced_batches() const;

 private:
  friend class AutomaticMaskGenerator;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet
