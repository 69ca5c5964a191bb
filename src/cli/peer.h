#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/samples.h"
#include "facet/status.h"

namespace facet::cli {

/// ONNX Runtime under Node.js on the same image encoder, as bench/peers runs it.
struct Peer {
  std::filesystem::path folder;   ///< holds encode.mjs and node_modules/onnxruntime-node
  std::filesystem::path encoder;  ///< the ONNX file
};

/// One turn of the peer.
struct PeerTurn {
  std::string version;
  Samples times;
  std::int64_t peak_bytes = 0;
};

/// The peer under `folder` with `encoder`; an empty one means MobileSAM's, where npm left it.
/// Errors  Usage naming all that is missing, and what brings it
Result<Peer> find_peer(const std::filesystem::path& folder, const std::filesystem::path& encoder,
                       const std::string& architecture);

/// Runs it in a process of its own: one encode to warm up, then `runs`.
/// Errors  FetchFailed when it fails or answers something else; Cancelled
Result<PeerTurn> run_peer(const Peer& peer, int threads, int runs, Io& io);

}  // namespace facet::cli
