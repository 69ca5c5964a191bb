#include "service/api/segmentation.h"

#include <fmt/format.h>

#include <algorithm>

#include "segment/prompt_checks.h"
#include "service/api/context.h"
#include "service/http/base64.h"
#include "service/waiter.h"

namespace facet::service {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMaxPoints = 1024;  // of an object, as in schemas.cpp: attention is among all tokens

enum class PictureKind { Unknown, Jpeg, Png, Webp, Tiff };

PictureKind kind_of(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8\xFF"sv)) return PictureKind::Jpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n"sv)) return PictureKind::Png;
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv)) return PictureKind::Webp;
  if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) || bytes.starts_with("II+\0"sv) ||
      bytes.starts_with("MM\0+"sv)) {
    return PictureKind::Tiff;
  }
  return PictureKind::Unknown;
}

void check_kind(std::string_view bytes, bool allow_tiff, const Location& location) {
  if (bytes.empty()) refuse_field(location, "expected a picture, found no bytes", "missing");
  const PictureKind kind = kind_of(bytes);
  if (kind == PictureKind::Tiff && !allow_tiff)
    refuse_field(location, "this service does not take TIFF: expected JPEG, PNG or WebP");
  if (kind == PictureKind::Unknown) {
    refuse_field(location,
                 allow_tiff ? "not a JPEG, PNG, WebP or TIFF picture" : "not a JPEG, PNG or WebP picture");
  }
}

template <class T>
T finish(Call& call, Pending<T>& pending, const Location& location, std::string_view stage) {
  Result<T> result = pending.wait();
  if (!result.ok()) throw RefusedRequest(engine_error(call, result.status(), location));
  call.note_stage("queue", result->times.queued);
  call.note_stage(stage, result->times.ran);
  return std::move(result).value();
}

/// Points, box and mask each at its own place, so that the error names the field.
void check_prompt(const Prompt& prompt, Size picture, const Location& location) {
  const auto check = [&](const Prompt& part, const char* field) {
    const Status status = segment::check_prompts({&part, 1}, picture);
    if (status.ok()) return;
    ApiError error = error_of(status, field == nullptr ? location : at(location, field));
    error.code = status_row(StatusCode::BadPrompt).name;
    throw RefusedRequest(std::move(error));
  };
  if (prompt.points.size() > kMaxPoints) {
    refuse_field(at(location, "points"),
                 fmt::format("expected at most {} points, found {}", kMaxPoints, prompt.points.size()),
                 "too_long");
  }
  if (!prompt.points.empty() || !prompt.labels.empty())
    check({.points = prompt.points, .labels = prompt.labels}, "points");
  if (prompt.box) check({.box = prompt.box}, "box");
  if (prompt.mask_logits != nullptr) check({.mask_logits = prompt.mask_logits}, "mask");
  check(prompt, nullptr);
}

/// A picture with what it takes of the budget.
struct HeldImage {
  explicit HeldImage(ByteBudget& budget) : held(budget) {}
  HeldBytes held;
  Image image;
};

void decode_into(LoadedPicture& picture, std::span<const std::uint8_t> bytes, const ServiceContext& service,
                 const Location& location) {
  const std::int64_t max_pixels = service.config.max_pixels;
  const auto kept = std::make_shared<HeldImage>(service.decoded);
  const ReadOptions options{
      .max_pixels = max_pixels,
      .max_bytes = max_pixels * kDecodedBytesPerPixel,
      .reserve = [&kept](std::int64_t needed) -> Status {
        if (kept->held.grow_to(static_cast<std::size_t>(needed))) return {};
        return {StatusCode::Unavailable, "too many pictures are held at present; come again later"};
      }};
  Picture decoded = value_or_refuse(decode_picture(bytes, options), location);
  kept->image = std::move(decoded.image);
  kept->held.shrink_to(kept->image.rgb().size());
  picture.image = std::shared_ptr<const Image>(kept, &kept->image);
  picture.format = decoded.source.format;
}

}  // namespace

void refuse_if_nobody_waits(const Call& call) {
  ok_or_refuse(waiting_status(call.scope, std::chrono::steady_clock::now()));
}

LoadedPicture load_picture(Call& call, std::string bytes, const Location& location) {
  check_kind(bytes, call.service().config.allow_tiff, location);
  LoadedPicture picture{.bytes = std::make_shared<const std::string>(std::move(bytes))};
  const std::span view(reinterpret_cast<const std::uint8_t*>(picture.bytes->data()), picture.bytes->size());
  picture.expectation = call.service().engine.expect_encode();
  const StageTimer timer(call, "decode");
  call.service().background.run([&] {
    refuse_if_nobody_waits(call);
    picture.content = content_hash(view);
    decode_into(picture, view, call.service(), location);
  });
  return picture;
}

LoadedPicture load_base64_picture(Call& call, std::string_view text, const Location& location) {
  static constexpr std::string_view kMark = ";base64,";
  if (text.starts_with("http://") || text.starts_with("https://"))
    refuse_field(location, "addresses are not fetched: expected the picture itself in base64");
  if (text.starts_with("data:")) {
    const std::size_t mark = text.substr(0, 128).find(kMark);
    if (mark == std::string_view::npos) refuse_field(location, "expected data:image/...;base64,");
    text.remove_prefix(mark + kMark.size());
  }
  Result<std::string> bytes = base64_decode(text);
  if (!bytes.ok()) refuse_field(location, bytes.status().message());
  return load_picture(call, std::move(bytes).value(), location);
}

ServedModelPtr find_model(Call& call, const std::string& name, const Location& location) {
  Result<ServedModelPtr> model = call.service().models.find(name);
  if (model.ok()) {
    call.model = (*model)->name;
    return std::move(model).value();
  }
  if (model.status().code() == StatusCode::Usage) refuse_field(location, model.status().message());
  ApiError error{.status = 503, .code = "model_unavailable", .retry_after = std::chrono::seconds(2)};
  error.message = model.status().code() == StatusCode::Unavailable
                      ? model.status().message()
                      : "the model could not be loaded; the service's log says why";
  throw RefusedRequest(std::move(error));
}

Pending<Encoded> start_encode(Call& call, const ServedModelPtr& model, LoadedPicture& picture) {
  return Pending<Encoded>([&](Completion<Encoded> done) {
    call.service().engine.encode(
        {model, picture.image, picture.content, call.tenant, call.scope, std::move(picture.expectation)},
        std::move(done));
  });
}

Encoded finish_encode(Call& call, Pending<Encoded>& pending, const Location& location) {
  return finish(call, pending, location, "encode");
}

Encoded encode(Call& call, const ServedModelPtr& model, LoadedPicture& picture, const Location& location) {
  Pending<Encoded> pending = start_encode(call, model, picture);
  return finish_encode(call, pending, location);
}

std::optional<Encoded> find_embedding(Call& call, const ServedModel& model, const ContentHash& content) {
  Pending<std::optional<Encoded>> pending([&](Completion<std::optional<Encoded>> done) {
    call.service().engine.find(embedding_key(model, content, call.tenant), std::move(done));
  });
  Result<std::optional<Encoded>> found = pending.wait();
  if (!found.ok()) throw RefusedRequest(engine_error(call, found.status(), {}));
  return std::move(found).value();
}

std::vector<ObjectPrediction> decode(Call& call, const ServedModelPtr& model, const Embedding& embedding,
                                     std::vector<Prompt> prompts, const std::vector<Location>& locations,
                                     PredictOptions options) {
  for (std::size_t i = 0; i < prompts.size(); ++i)
    check_prompt(prompts[i], embedding.original_size, locations[i]);
  Pending<Decoded> pending([&](Completion<Decoded> done) {
    call.service().engine.decode({model, embedding, std::move(prompts), std::move(options), call.scope},
                                 std::move(done));
  });
  return finish(call, pending, {}, "predict").objects;
}

std::vector<AutomaticMask> everything(Call& call, const ServedModelPtr& model, const Embedding& embedding,
                                      std::shared_ptr<const Image> image, AutomaticMaskOptions options) {
  Pending<EverythingFound> pending([&](Completion<EverythingFound> done) {
    call.service().engine.everything({model, embedding, std::move(image), std::move(options), call.scope},
                                     std::move(done));
  });
  return finish(call, pending, {"body"}, "everything").masks;
}

void check_mask_bytes(const Call& call, std::size_t masks, Size size, const Location& location,
                      std::size_t copies) {
  const std::size_t bytes = masks * static_cast<std::size_t>(size.height) * size.width * copies;
  const std::size_t limit = call.service().config.max_answer_bytes;
  if (bytes <= limit) return;
  refuse_field(location,
               fmt::format("{} masks of {} x {} pixels take {} bytes; at most {} are sent: ask for fewer, or "
                           "for run lengths",
                           masks, size.width, size.height, bytes, limit),
               "too_long");
}

bool default_multimask(const std::vector<Prompt>& prompts) {
  return std::ranges::all_of(prompts, [](const Prompt& prompt) {
    return prompt.points.size() == 1 && !prompt.box && prompt.mask_logits == nullptr;
  });
}

ApiError engine_error(const Call& call, const Status& status, const Location& location) {
  ApiError error = error_of(status, location);
  if (status.code() == StatusCode::Usage) {
    // Options came with the request: out of their range they are its mistake.
    error = {.status = 422, .code = "invalid_request", .message = "body: " + status.message()};
    error.details.push_back({{"body"}, status.message(), "value_error"});
  }
  if (status.code() == StatusCode::Unavailable) error.retry_after = call.service().engine.retry_after();
  return error;
}

std::string_view source_name(EmbeddingSource source) {
  switch (source) {
    case EmbeddingSource::Memory:
      return "memory";
    case EmbeddingSource::Store:
      return "store";
    case EmbeddingSource::Encoded:
      return "encoded";
    case EmbeddingSource::Joined:
      return "joined";
  }
  return "encoded";
}

}  // namespace facet::service
