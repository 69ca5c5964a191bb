#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "facet/picture.h"
#include "service/api/call.h"
#include "service/engine.h"

namespace facet::service {

/// A picture from a request, decoded, with its bytes as they were sent.
struct LoadedPicture {
  std::shared_ptr<const std::string> bytes;
  std::shared_ptr<const Image> image;
  ContentHash content;
  std::string format;
  EncodeExpectation expectation;  ///< ends with the picture's encode, or its end

  [[nodiscard]] std::int64_t pixels() const { return std::int64_t{image->height()} * image->width(); }
};

/// Asked before work that takes long.
/// Errors  RefusedRequest: the deadline passed, or the client is gone
void refuse_if_nobody_waits(const Call& call);

/// Decodes a picture within the limits of the configuration; JPEG, PNG and WebP by content, TIFF when
/// allowed.   Errors  RefusedRequest: 422 at `location`, 503 while too many pictures are held
[[nodiscard]] LoadedPicture load_picture(Call& call, std::string bytes, const Location& location);
/// The same from base64, with or without a "data:...;base64," before it.
[[nodiscard]] LoadedPicture load_base64_picture(Call& call, std::string_view text, const Location& location);

/// The model under a name or alias; "" = the default.
/// Errors  RefusedRequest: 422 for an unknown name, 503 while it is loading or when it cannot be loaded
[[nodiscard]] ServedModelPtr find_model(Call& call, const std::string& name, const Location& location);

/// An answer of the engine that is still to come.
template <class T>
class Pending {
 public:
  /// `start` hands the completion to the engine.
  template <class Start>
  explicit Pending(Start&& start) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    result_ = promise->get_future();
    start([promise](Result<T> result) { promise->set_value(std::move(result)); });
  }
  [[nodiscard]] Result<T> wait() { return result_.get(); }

 private:
  std::future<Result<T>> result_;
};

[[nodiscard]] Pending<Encoded> start_encode(Call& call, const ServedModelPtr& model, LoadedPicture& picture);
/// Waits; notes the stages.   Errors  RefusedRequest as the engine's
[[nodiscard]] Encoded finish_encode(Call& call, Pending<Encoded>& pending, const Location& location);
[[nodiscard]] Encoded encode(Call& call, const ServedModelPtr& model, LoadedPicture& picture,
                             const Location& location);
/// Looks into the caches only.
[[nodiscard]] std::optional<Encoded> find_embedding(Call& call, const ServedModel& model,
                                                    const ContentHash& content);
/// Errors  RefusedRequest: 422 naming the prompt at `locations[i]`
[[nodiscard]] std::vector<ObjectPrediction> decode(Call& call, const ServedModelPtr& model,
                                                   const Embedding& embedding, std::vector<Prompt> prompts,
                                                   const std::vector<Location>& locations,
                                                   PredictOptions options);
/// `image` is what crops are cut from, and not needed without them.
[[nodiscard]] std::vector<AutomaticMask> everything(Call& call, const ServedModelPtr& model,
                                                    const Embedding& embedding,
                                                    std::shared_ptr<const Image> image,
                                                    AutomaticMaskOptions options);

/// Masks sent as bytes, one a pixel, must fit into `max_answer`; `copies`: bytes that writing holds for each.
/// Errors  RefusedRequest with 422 at `location`, the field that asks for bytes
void check_mask_bytes(const Call& call, std::size_t masks, Size size, const Location& location,
                      std::size_t copies = 1);
/// As `facet predict` has it: three masks when each prompt is one point and nothing else.
[[nodiscard]] bool default_multimask(const std::vector<Prompt>& prompts);
/// The error of an engine's answer; a full queue says when to come again.
[[nodiscard]] ApiError engine_error(const Call& call, const Status& status, const Location& location);
[[nodiscard]] std::string_view source_name(EmbeddingSource source);

}  // namespace facet::service
