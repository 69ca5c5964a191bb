#include "service/model_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <system_error>

namespace facet::service {
namespace {

constexpr Size kBlankPicture = {64, 64};

std::size_t weight_bytes(const ModelInfo& info) { return std::size_t(info.parameters) * sizeof(float); }

// Waits for a completion. Only the loader's thread waits like this.
template <class T, class Submit>
Result<T> outcome(const Submit& submit) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  submit([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace

std::string_view state_name(ModelState state) {
  if (state == ModelState::Loading) return "loading";
  return state == ModelState::Ready ? "ready" : "failed";
}

ModelRegistry::ModelRegistry(Engine& engine, Metrics& metrics, Options options)
    : engine_(engine),
      metrics_(metrics),
      options_(options),
      loader_("facet-loader", [this](const std::stop_token& stop) { run_loads(stop); }) {}

ModelRegistry::~ModelRegistry() { loader_.stop(); }

void ModelRegistry::load(ModelSpec spec, std::function<void(Status)> done) {
  const MutexLock lock(mutex_);
  const auto known = std::find_if(models_.begin(), models_.end(),
                                  [&](const ModelReport& report) { return report.spec.name == spec.name; });
  if (known == models_.end()) {
    models_.push_back({.spec = spec});
  } else {
    known->state = ModelState::Loading;
  }
  loads_.push_back({std::move(spec), std::move(done)});
  changed_.notify_all();
}

void ModelRegistry::run_loads(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    changed_.notify_all();
  });
  while (true) {
    Load load;
    {
      const MutexLock lock(mutex_);
      while (loads_.empty() && !stop.stop_requested()) changed_.wait(mutex_);
      if (stop.stop_requested()) return;
      load = std::move(loads_.front());
      loads_.pop_front();
    }
    const Result<ServedModelPtr> loaded = load_now(load.spec, stop);
    finish(load.spec, loaded);
    if (load.done) load.done(loaded.status());
  }
}

Result<ServedModelPtr> ModelRegistry::load_now(const ModelSpec& spec, const std::stop_token& stop) {
  const std::optional<Precision> precision = precision_from_name(spec.precision);
  if (!precision && !spec.precision.empty()) {
    return Status(StatusCode::Usage,
                  fmt::format("model {}: precision {} is unknown; expected fp32, bf16, int8 or auto",
                              spec.name, spec.precision));
  }
  std::filesystem::path file = spec.file;
  if (options_.locate) {
    FACET_ASSIGN_OR_RETURN(file, options_.locate(spec.file, stop));
  }
  FACET_RETURN_IF_ERROR(check_budget(spec.name, file));
  Result<ModelPtr> model = load_model(file, {.threads = options_.load_threads,
                                             .precision = precision,
                                             .device = options_.device,
                                             .packed_folder = options_.packed_folder});
  if (!model.ok()) return model.status();
  int generation = 1;
  {
    const MutexLock lock(mutex_);
    for (const ModelReport& report : models_) {
      if (report.spec.name == spec.name && report.model) generation = report.model->generation + 1;
    }
  }
  auto served = std::make_shared<const ServedModel>(
      ServedModel{spec.name, *model, weight_bytes(model_info(**model)), generation});
  FACET_RETURN_IF_ERROR(warm_up(served));
  return ServedModelPtr(served);
}

Status ModelRegistry::check_budget(const std::string& name, const std::filesystem::path& file) const {
  if (options_.memory_budget_bytes == 0) return {};
  std::error_code error;
  const std::uintmax_t needed = std::filesystem::file_size(file, error);
  if (error) return {};  // the load says it better
  std::size_t held = 0;
  const MutexLock lock(mutex_);
  for (const ModelReport& report : models_) held += report.model ? report.model->weight_bytes : 0;
  if (needed <= options_.memory_budget_bytes && held <= options_.memory_budget_bytes - needed) return {};
  return {StatusCode::OutOfMemory,
          fmt::format("model {} needs about {} MB beside the {} MB of models held; the budget is {} MB", name,
                      needed >> 20, held >> 20, options_.memory_budget_bytes >> 20)};
}

// A picture and clicks through the engine itself, so that its memory and primitives are there before the
// first user is: a click alone, several that share what their picture has in common, and one that finds this
// made. The picture has no name: it is encoded whatever the caches hold, and stays out of them.
Status ModelRegistry::warm_up(const ServedModelPtr& model) {
  const auto blank = std::make_shared<const Image>(kBlankPicture);
  const EncodeRequest encode{.model = model, .image = blank, .content = {}, .tenant = {}, .scope = {}};
  const auto encoded =
      outcome<Encoded>([&](const Completion<Encoded>& done) { engine_.encode(encode, done); });
  if (!encoded.ok()) return encoded.status().with_context("warm-up");
  const Prompt click{.points = {{32, 32}}, .labels = {1}};
  for (const std::size_t clicks : {1, 4, 1}) {
    const std::vector<Prompt> prompts(clicks, click);
    const auto decoded = outcome<Decoded>([&](const Completion<Decoded>& done) {
      engine_.decode({.model = model, .embedding = encoded->embedding, .prompts = prompts}, done);
    });
    if (!decoded.ok()) return decoded.status().with_context("warm-up");
  }
  return {};
}

void ModelRegistry::finish(const ModelSpec& spec, const Result<ServedModelPtr>& loaded) {
  const MutexLock lock(mutex_);
  for (ModelReport& report : models_) {
    if (report.spec.name != spec.name) continue;
    const bool more = std::any_of(loads_.begin(), loads_.end(),
                                  [&](const Load& load) { return load.spec.name == spec.name; });
    report.last_load = loaded.status();
    report.state = more ? ModelState::Loading : loaded.ok() ? ModelState::Ready : ModelState::Failed;
    if (loaded.ok()) {
      report.spec = spec;
      report.model = *loaded;
      report.serving = true;
    }
    const Labels labels{{"model", spec.name}};
    metrics_.gauge("facet_model_ready", "1 while the model serves", labels).set(report.serving ? 1 : 0);
    if (!report.model) break;
    metrics_.gauge("facet_model_weight_bytes", "Bytes of the model's weights", labels)
        .set(double(report.model->weight_bytes));
    metrics_.gauge("facet_model_generation", "How often the model was loaded", labels)
        .set(report.model->generation);
  }
  metrics_
      .counter("facet_model_loads_total", "Loads of models, by result",
               {{"model", spec.name}, {"result", loaded.ok() ? "ok" : "failed"}})
      .add();
}

Status ModelRegistry::set_alias(const std::string& alias, const std::string& target) {
  const MutexLock lock(mutex_);
  for (const ModelReport& report : models_) {
    if (report.spec.name == alias) {
      return {StatusCode::Usage, fmt::format("alias {} is the name of a model", alias)};
    }
  }
  if (alias.empty() || leads_to(target, alias)) {
    return {StatusCode::Usage, fmt::format("alias '{}' would stand for itself", alias)};
  }
  aliases_[alias] = target;
  return {};
}

bool ModelRegistry::leads_to(const std::string& name, const std::string& wanted) const {
  std::string at = name;
  while (at != wanted) {
    const auto alias = aliases_.find(at);
    if (alias == aliases_.end()) return false;
    at = alias->second;
  }
  return true;
}

std::string ModelRegistry::resolve(const std::string& name) const {
  std::string resolved = name;
  while (true) {  // set_alias lets no circle in
    const auto alias = aliases_.find(resolved);
    if (alias == aliases_.end()) return resolved;
    resolved = alias->second;
  }
}

std::string ModelRegistry::known_names() const {
  std::string names;
  for (const ModelReport& report : models_) names += (names.empty() ? "" : ", ") + report.spec.name;
  for (const auto& [alias, target] : aliases_) names += ", " + alias;
  return names;
}

Result<ServedModelPtr> ModelRegistry::find(const std::string& name) const {
  const MutexLock lock(mutex_);
  if (name.empty() && models_.empty()) return Status(StatusCode::Unavailable, "no model is loaded yet");
  const std::string resolved = name.empty() ? models_.front().spec.name : resolve(name);
  for (const ModelReport& report : models_) {
    if (report.spec.name != resolved) continue;
    if (report.model) return report.model;
    if (report.state == ModelState::Failed) return report.last_load.with_context("model " + resolved);
    return Status(StatusCode::Unavailable, fmt::format("model {} is still loading", resolved));
  }
  return Status(StatusCode::Usage, fmt::format("model '{}' is unknown; known are {}", name, known_names()));
}

std::vector<ModelReport> ModelRegistry::reports() const {
  const MutexLock lock(mutex_);
  return models_;
}

std::map<std::string, std::string> ModelRegistry::aliases() const {
  const MutexLock lock(mutex_);
  return aliases_;
}

bool ModelRegistry::ready() const {
  const MutexLock lock(mutex_);
  return !models_.empty() && std::all_of(models_.begin(), models_.end(),
                                         [](const ModelReport& report) { return report.serving; });
}

}  // namespace facet::service
