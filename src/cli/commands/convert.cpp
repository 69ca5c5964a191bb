#include "cli/commands/convert.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <vector>

#include "cli/build_info.h"
#include "cli/calibrate.h"
#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "cli/progress_bar.h"
#include "io/safetensors_writer.h"
#include "models/architecture.h"
#include "models/kept_layers.h"
#include "models/open_weights.h"
#include "models/packed_model.h"

namespace facet::cli {
namespace {

struct ConvertOptions {
  ModelOptions model;
  std::string output;
  std::string precision = "fp32";
  std::string calibrate;  ///< a folder of pictures; empty = none
};

Status cancelled() { return {StatusCode::Cancelled, "interrupted"}; }

constexpr std::string_view kPackedEnding = ".facet";

bool packs(const ConvertOptions& options) { return options.output.ends_with(kPackedEnding); }

Status check_options(const ConvertOptions& options) {
  if (!options.calibrate.empty() && options.precision != "int8") {
    return {StatusCode::Usage, "--calibrate DIR goes with --precision int8"};
  }
  if (packs(options)) return {};
  if (!options.output.ends_with(".safetensors")) {
    return {StatusCode::Usage,
            fmt::format("'{}': expected a name that ends in .safetensors or .facet", options.output)};
  }
  if (options.precision != "fp32" && options.precision != "int8") {
    return {StatusCode::Usage, "--precision bf16 and auto are for packed models: a name that ends in .facet"};
  }
  if (options.precision == "int8" && options.calibrate.empty()) {
    return {StatusCode::Usage, "--precision int8 of a .safetensors file is what --calibrate DIR finds out"};
  }
  return {};
}

Status pack(const io::WeightSource& source, const ConvertOptions& options, Io& io) {
  const Precision precision = precision_from_name(options.precision).value_or(Precision::Fp32);
  std::set<std::string> kept = models::kept_layers(source);
  if (!options.calibrate.empty()) {
    FACET_ASSIGN_OR_RETURN(const auto found, find_layers_to_keep(source, options.calibrate, io));
    kept = {found.begin(), found.end()};
  }
  FACET_ASSIGN_OR_RETURN(const models::PackResult packed,
                         models::pack_model(source, precision, std::move(kept), options.output));
  FACET_RETURN_IF_ERROR(packed.written);
  const ModelInfo& info = model_info(*packed.model);
  return print(io, fmt::format("{}  ({}, {}, packed for {})\n", options.output, info.architecture,
                               info.precision, models::packing_machine()));
}

Status run_convert(const ConvertOptions& options, Io& io) {
  FACET_RETURN_IF_ERROR(check_options(options));
  FACET_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model_path(options.model, io));
  FACET_ASSIGN_OR_RETURN(const auto source, models::open_weights(path));
  if (models::is_packed(*source)) {
    return {StatusCode::Usage, path.string() + ": it is packed already; convert its checkpoint"};
  }
  if (packs(options)) return pack(*source, options, io);
  const Result<models::Architecture> architecture = models::recognise(*source);
  if (!architecture.ok()) return architecture.status().with_context(path.string());

  std::map<std::string, std::string> metadata = {
      {"format", "pt"}, {"model", architecture->name}, {"converted_by", version_line()}};
  if (!options.calibrate.empty()) {
    FACET_ASSIGN_OR_RETURN(const auto kept, find_layers_to_keep(*source, options.calibrate, io));
    metadata[models::kKeptLayersKey] = models::join_kept_layers(kept);
  }

  const std::vector<std::string> names = source->names();
  std::vector<Tensor> tensors;
  std::vector<io::NamedTensor> named;
  tensors.reserve(names.size());
  ProgressBar bar(io, "tensors", ProgressUnit::Items);
  for (const std::string& name : names) {
    if (io.stop.stop_requested()) return cancelled();
    FACET_ASSIGN_OR_RETURN(Tensor tensor, source->read_float32(name));
    source->release(name);
    named.push_back({name, tensors.emplace_back(std::move(tensor)).view()});
    bar.update(std::int64_t(tensors.size()), std::int64_t(names.size()));
  }
  bar.clear();
  FACET_RETURN_IF_ERROR(io::write_safetensors(options.output, named, metadata));
  return print(
      io, fmt::format("{}  ({}, {} tensors, float32)\n", options.output, architecture->name, names.size()));
}

}  // namespace

void add_convert_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand(
      "convert", "Write a checkpoint of any kind as safetensors, or packed for this machine");
  command->add_option("IN", options->model.model, "a checkpoint, or a model by name")
      ->required()
      ->type_name("NAME|FILE");
  command
      ->add_option("OUT", options->output,
                   "the file to write: .safetensors, with the official names and in float32, or .facet, "
                   "packed: it loads at once, here and on machines like this one")
      ->required()
      ->type_name("FILE");
  bind_model_folder(*command, options->model);
  command
      ->add_option(
          "--precision", options->precision,
          "what to prepare the file for: .facet any of fp32, bf16, int8 and auto, in which it then runs; "
          ".safetensors fp32, or int8 with --calibrate")
      ->check(CLI::IsMember({"fp32", "bf16", "int8", "auto"}))
      ->capture_default_str();
  command
      ->add_option("--calibrate", options->calibrate,
                   "a folder of pictures like those to come: finds the layers that int8 would spoil, which "
                   "stay in bf16")
      ->type_name("DIR");
  command->footer(
      "Examples:\n"
      "  facet convert sam_vit_b_01ec64.pth sam_vit_b.safetensors\n"
      "  facet convert mobile_sam mobile_sam.safetensors\n"
      "  facet convert mobile_sam cells.facet --precision int8 --calibrate my_pictures/\n"
      "  facet predict cell.png --model cells.facet --point 40,60");
  set_run(*command, std::move(options), io, run_convert);
}

}  // namespace facet::cli
