#include "service/model_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <system_error>

namespace facet::service {
namespace {

constexpr Size kBlankPicture = {64, 64};
constexpr std::string_view kLoadsMetric = "facet_model_loads_total";
constexpr std::string_view kReadyMetric = "facet_model_ready";
constexpr std::string_view kWeightMetric = "facet_model_weight_bytes";
constexpr std::string_view kGenerationMetric = "facet_model_generation";
constexpr std::ptrdiff_t kFailuresTold = 16;  // of models that never served: an administrator's typing errors

const std::string& name_of(const ModelReport& report) { return report.spec.name; }

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
      loader_("facet-loader", [this](const std::stop_token& stop) { run_steps(stop); }) {}

ModelRegistry::~ModelRegistry() { loader_.stop(); }

void ModelRegistry::run(Step step) { steps_.push(std::move(step)); }

void ModelRegistry::load(ModelSpec spec, std::function<void(Status)> done) {
  announce(spec);
  run([this, spec = std::move(spec), done = std::move(done)](const std::stop_token& stop) {
    const Result<ServedModelPtr> loaded = load_now(spec, stop);
    finish(spec, loaded);
    if (done) done(loaded.status());
  });
}

void ModelRegistry::announce(const ModelSpec& spec) {
  const MutexLock lock(mutex_);
  auto known = std::ranges::find(models_, spec.name, name_of);
  if (known == models_.end()) {
    forget_old_failures();
    known = models_.insert(models_.end(), ModelReport{.spec = spec});
  }
  if (!known->serving) known->spec = spec;
  known->state = ModelState::Loading;
  ++known->loads;
}

void ModelRegistry::replace(ModelSet set, Replaced replaced) {
  {
    const MutexLock lock(mutex_);
    if (models_.empty()) aliases_ = set.aliases;
  }
  for (const ModelSpec& spec : set.models) {
    load(spec, [loaded = replaced.loaded, name = spec.name](const Status& status) {
      if (loaded) loaded(name, status);
    });
  }
  run([this, set = std::move(set), done = std::move(replaced.done)](const std::stop_token& /*stop*/) {
    const Status status = take_over(set);
    if (done) done(status);
  });
}

void ModelRegistry::run_steps(const std::stop_token& stop) {
  while (auto step = steps_.pop(stop)) {
    if (stop.stop_requested()) return;  // what has not begun is not wanted any more
    (*step)(stop);
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
                                             .packed_folder = options_.packed_folder,
                                             .file_may_change = true});
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
  ModelReport& report = *std::ranges::find(models_, spec.name, name_of);  // kept while it has loads
  --report.loads;
  report.last_load = loaded.status();
  report.state = report.loads > 0 ? ModelState::Loading
                 : loaded.ok()    ? ModelState::Ready
                                  : ModelState::Failed;
  if (loaded.ok()) {
    report.spec = spec;
    report.model = *loaded;
    report.serving = true;
  }
  count_load(report, loaded.ok());
}

void ModelRegistry::count_load(const ModelReport& report, bool ok) {
  const Labels labels{{"model", report.spec.name}};
  metrics_
      .counter(kLoadsMetric, "Loads of models, by result",
               {{"model", report.spec.name}, {"result", ok ? "ok" : "failed"}})
      .add();
  metrics_.gauge(kReadyMetric, "1 while the model serves", labels).set(report.serving ? 1 : 0);
  if (!report.model) return;
  metrics_.gauge(kWeightMetric, "Bytes of the model's weights", labels)
      .set(double(report.model->weight_bytes));
  metrics_.gauge(kGenerationMetric, "How often the model was loaded", labels).set(report.model->generation);
}

void ModelRegistry::uncount(const std::string& model) {
  for (const std::string_view metric : {kReadyMetric, kWeightMetric, kGenerationMetric})
    metrics_.remove(metric, {{"model", model}});
  for (const char* result : {"ok", "failed"})
    metrics_.remove(kLoadsMetric, {{"model", model}, {"result", result}});
}

Status ModelRegistry::take_over(const ModelSet& set) {
  const auto place = [&](const ModelReport& report) {
    return std::ranges::find(set.models, report.spec.name, &ModelSpec::name) - set.models.begin();
  };
  const auto named = [&](const ModelReport& report) { return place(report) < std::ssize(set.models); };
  const MutexLock lock(mutex_);
  if (std::ranges::none_of(models_,
                           [&](const ModelReport& report) { return named(report) && report.serving; })) {
    return {StatusCode::Unavailable, "none of the models serves: those before serve on"};
  }
  remove_reports([&](const ModelReport& report) { return !named(report) && report.loads == 0; });
  std::ranges::stable_sort(models_, {}, place);
  aliases_ = set.aliases;
  ready_ = ready_ || std::ranges::all_of(models_, [&](const ModelReport& report) {
             return report.serving || !named(report);
           });
  return {};
}

template <class Unwanted>
void ModelRegistry::remove_reports(const Unwanted& unwanted) {
  std::erase_if(models_, [&](const ModelReport& report) {
    if (!unwanted(report)) return false;
    uncount(report.spec.name);
    return true;
  });
}

// Each new name makes room, so that names that never come right do not gather.
void ModelRegistry::forget_old_failures() {
  const auto failed = [](const ModelReport& report) {
    return report.state == ModelState::Failed && !report.serving;
  };
  auto excess = std::ranges::count_if(models_, failed) - kFailuresTold + 1;
  remove_reports([&](const ModelReport& report) { return failed(report) && excess-- > 0; });
}

const ModelReport* ModelRegistry::report_of(const std::string& name) const {
  const auto alias = aliases_.find(name);
  const std::string& own = alias == aliases_.end() ? name : alias->second;
  const auto wanted = [&](const ModelReport& report) {
    return name.empty() ? report.serving : report.spec.name == own;
  };
  const auto found = std::ranges::find_if(models_, wanted);
  if (found != models_.end()) return &*found;
  return name.empty() && !models_.empty() ? &models_.front() : nullptr;
}

std::string ModelRegistry::known_names() const {
  std::string names;
  for (const ModelReport& report : models_) names += (names.empty() ? "" : ", ") + report.spec.name;
  for (const auto& [alias, target] : aliases_) names += ", " + alias;
  return names;
}

Result<ServedModelPtr> ModelRegistry::find(const std::string& name) const {
  const MutexLock lock(mutex_);
  if (models_.empty()) return Status(StatusCode::Unavailable, "no model is loaded yet");
  const ModelReport* report = report_of(name);
  if (report == nullptr) {
    return Status(StatusCode::Usage, fmt::format("model '{}' is unknown; known are {}", name, known_names()));
  }
  if (report->model) return report->model;
  const std::string& own = report->spec.name;
  if (report->state == ModelState::Failed) return report->last_load.with_context("model " + own);
  return Status(StatusCode::Unavailable, fmt::format("model {} is still loading", own));
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
  return ready_;
}

}  // namespace facet::service
