#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/prompts.h"
#include "io/checkpoint.h"
#include "io/mask_reader.h"
#include "io/npy.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLogitSide = 256;
constexpr const char* kLogitsName = "low_res_logits";  // as --save-tensors writes it

template <typename T, typename Convert>
Tensor converted(ConstTensorView from, const Convert& convert) {
  Tensor to(from.shape());
  const auto* elements = static_cast<const T*>(from.raw());
  std::transform(elements, elements + from.shape().numel(), to.data<float>().begin(), convert);
  return to;
}

/// Nothing where the elements are not floats.
Result<Tensor> as_float32(Tensor tensor) {
  switch (tensor.dtype()) {
    case DType::Float32:
      return tensor;
    case DType::Float64:
      return converted<double>(tensor, [](double value) { return static_cast<float>(value); });
    case DType::Float16:
      return converted<std::uint16_t>(tensor, half_to_float);
    default:
      return Status(StatusCode::BadPrompt,
                    fmt::format("expected logits as floats, found {}", dtype_name(tensor.dtype())));
  }
}

Result<Tensor> read_safetensors_logits(const fs::path& path) {
  FACET_ASSIGN_OR_RETURN(const io::Checkpoint file, io::Checkpoint::open(path));
  const std::vector<std::string> names = file.names();
  if (names.size() == 1) return file.read_float32(names[0]);
  if (file.shape(kLogitsName)) return file.read_float32(kLogitsName);
  return Status(StatusCode::BadPrompt, fmt::format("expected one tensor, or one called {}, found {} tensors",
                                                   kLogitsName, names.size()));
}

Result<Tensor> read_npy_logits(const fs::path& path) {
  FACET_ASSIGN_OR_RETURN(Tensor tensor, io::read_npy(path));
  return as_float32(std::move(tensor));
}

Result<std::shared_ptr<const Tensor>> check_logits(Tensor logits) {
  const Shape& shape = logits.shape();
  const bool square = shape.rank() >= 2 && shape[-1] == kLogitSide && shape[-2] == kLogitSide;
  if (!square || shape.numel() != kLogitSide * kLogitSide) {
    return Status(
        StatusCode::BadPrompt,
        fmt::format("expected logits of shape [256, 256] or [1, 256, 256], found {}", shape.to_string()));
  }
  if (!std::ranges::all_of(logits.data<float>(), [](float value) { return std::isfinite(value); })) {
    return Status(StatusCode::BadPrompt, "expected finite logits, found NaN or infinity");
  }
  return std::make_shared<const Tensor>(std::move(logits).reshaped({kLogitSide, kLogitSide}));
}

Result<std::shared_ptr<const Tensor>> read_prompt_mask(const fs::path& path, Size picture,
                                                       const ModelInfo& model) {
  if (path.extension() != ".npy" && path.extension() != ".safetensors") {
    FACET_ASSIGN_OR_RETURN(const Bitmap mask, io::read_mask(path, picture));
    return mask_to_logits(mask, model);
  }
  FACET_ASSIGN_OR_RETURN(Tensor logits,
                         path.extension() == ".npy" ? read_npy_logits(path) : read_safetensors_logits(path));
  return check_logits(std::move(logits));
}

}  // namespace

Result<std::vector<Prompt>> load_prompt_masks(std::vector<PromptRequest> requests, Size picture,
                                              const ModelInfo& model) {
  std::vector<Prompt> prompts;
  for (PromptRequest& request : requests) {
    if (!request.mask_file.empty()) {
      auto mask = read_prompt_mask(request.mask_file, picture, model);
      // The readers of tensors speak of models; here the file is a prompt.
      if (!mask.ok()) {
        return Status(StatusCode::BadPrompt,
                      fmt::format("mask {}: {}", request.mask_text, mask.status().message()));
      }
      request.prompt.mask_logits = std::move(mask).value();
    }
    prompts.push_back(std::move(request.prompt));
  }
  return prompts;
}

}  // namespace facet::cli
