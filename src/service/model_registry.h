#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "service/engine.h"
#include "service/metrics.h"
#include "service/served_model.h"
#include "service/task_queue.h"
#include "service/worker.h"

namespace facet::service {

struct ModelSpec {
  std::string name;
  std::filesystem::path file;
  std::string precision;  ///< "fp32", "bf16", "int8" or "auto"; empty: LoadOptions::precision's nothing
  bool operator==(const ModelSpec&) const = default;
};

/// What is to be served: models, the first being the default, and other names of them.
struct ModelSet {
  std::vector<ModelSpec> models;
  std::map<std::string, std::string> aliases;
};

enum class ModelState { Loading, Ready, Failed };
/// "loading", "ready" or "failed"
[[nodiscard]] std::string_view state_name(ModelState state);

/// What `GET /admin/models` and readiness tell of one model.
struct ModelReport {
  ModelSpec spec;
  ModelState state = ModelState::Loading;  ///< of the last load; a model that served before still serves
  bool serving = false;
  Status last_load;
  int loads = 0;         ///< that were asked for and have not ended
  ServedModelPtr model;  ///< null until the first load succeeded

  /// What the model runs in, or before the first load what was asked for: empty where nothing was.
  [[nodiscard]] std::string precision() const {
    return model == nullptr ? spec.precision : model_info(*model->model).precision;
  }
};

/// The models that clients can name. Loading runs in the background: the file is read and checked, the model
/// tried on a blank picture, and only then does it take its name over, in one step; until then, and when the
/// load fails, the one before serves on. A whole set takes over in the same way.
///
/// Metrics  facet_model_{ready,weight_bytes,generation}{model}, facet_model_loads_total{model, result}
/// Threads  any; the destructor waits for the load in progress
class ModelRegistry {
 public:
  struct Options {
    std::size_t memory_budget_bytes =
        0;                       ///< weights of all models, one being replaced included; 0 = no limit
    int load_threads = 0;        ///< for packing weights
    std::string device = "cpu";  ///< LoadOptions::device
    std::filesystem::path packed_folder;  ///< LoadOptions::packed_folder
    /// The file on this machine behind a spec's, fetched when it is not there yet; empty: the spec's own.
    std::function<Result<std::filesystem::path>(const std::filesystem::path& file,
                                                const std::stop_token& stop)>
        locate;
  };
  /// `engine` and `metrics` outlive the registry.
  ModelRegistry(Engine& engine, Metrics& metrics, Options options);
  ~ModelRegistry();

  /// Something to do on the thread that loads; all of it runs one after the other, in order.
  using Step = std::function<void(const std::stop_token& stop)>;
  void run(Step step);

  /// Loads `spec` in the background, or loads it again.
  /// Errors, through `done`  BadModel; what locating its file met; Usage on a precision this build has not;
  /// OutOfMemory over the budget
  void load(ModelSpec spec, std::function<void(Status)> done = {}) FACET_EXCLUDES(mutex_);

  struct Replaced {
    std::function<void(const std::string& model, const Status& status)> loaded;  ///< for each model
    std::function<void(const Status& status)> done;
  };
  /// Loads all of `set`; then, in one step, no other model is served, except what was asked for meanwhile,
  /// and no other alias. The first set's aliases hold at once. A model whose load failed serves on as it was,
  /// if it did.
  /// Errors, through `done`  Unavailable when no model of the set serves: all stays as it was
  void replace(ModelSet set, Replaced replaced = {}) FACET_EXCLUDES(mutex_);

  /// The model under a name or alias; "" asks for the default, the first that serves.
  /// Errors  Usage for an unknown name, listing those known; Unavailable while it is loading; what its load
  ///         met when it failed
  [[nodiscard]] Result<ServedModelPtr> find(const std::string& name) const FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<ModelReport> reports() const FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::map<std::string, std::string> aliases() const FACET_EXCLUDES(mutex_);
  /// All models of a set served; from then on always: neither a new model nor a reload takes it away.
  [[nodiscard]] bool ready() const FACET_EXCLUDES(mutex_);

 private:
  void announce(const ModelSpec& spec) FACET_EXCLUDES(mutex_);
  Result<ServedModelPtr> load_now(const ModelSpec& spec, const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  void run_steps(const std::stop_token& stop);
  Status warm_up(const ServedModelPtr& model);
  Status check_budget(const std::string& name, const std::filesystem::path& file) const
      FACET_EXCLUDES(mutex_);
  void finish(const ModelSpec& spec, const Result<ServedModelPtr>& loaded) FACET_EXCLUDES(mutex_);
  void count_load(const ModelReport& report, bool ok);
  void uncount(const std::string& model);
  Status take_over(const ModelSet& set) FACET_EXCLUDES(mutex_);
  template <class Unwanted>
  void remove_reports(const Unwanted& unwanted) FACET_REQUIRES(mutex_);
  void forget_old_failures() FACET_REQUIRES(mutex_);
  [[nodiscard]] const ModelReport* report_of(const std::string& name) const FACET_REQUIRES(mutex_);
  [[nodiscard]] std::string known_names() const FACET_REQUIRES(mutex_);

  Engine& engine_;
  Metrics& metrics_;
  const Options options_;
  mutable Mutex mutex_;
  std::vector<ModelReport> models_ FACET_GUARDED_BY(mutex_);  // the set's, in its order, then those added
  std::map<std::string, std::string> aliases_ FACET_GUARDED_BY(mutex_);
  bool ready_ FACET_GUARDED_BY(mutex_) = false;
  TaskQueue<Step> steps_;
  Worker loader_;  // last: stops before what it uses goes
};

}  // namespace facet::service
