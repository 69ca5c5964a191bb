#include "service/http/multipart.h"

#include <algorithm>
#include <utility>

#include "service/http/header_value.h"

namespace facet::service {
namespace {

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046

Status usage(std::string message) { return {StatusCode::Usage, std::move(message)}; }

bool is_boundary_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

/// Browsers write a quote within a name as %22 and line ends as %0D and %0A.
std::string unescaped_name(std::string name) {
  for (const auto& [escape, plain] : {std::pair{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}) {
    for (std::size_t at = name.find(escape); at != std::string::npos; at = name.find(escape, at + 1)) {
      name.replace(at, 3, 1, plain);
    }
  }
  return name;
}

/// RFC 5987: charset'language'percent-encoded.
std::string extended_value(const std::string& text) {
  const std::size_t quote = text.find('\'', text.find('\'') + 1);
  return percent_decoded(quote == std::string::npos ? text : text.substr(quote + 1));
}

Status read_disposition(std::string_view value, FormPart& part) {
  const HeaderValue header = parse_header_value(value);
  if (header.value != "form-data") return usage("Content-Disposition: expected form-data");
  const auto name = header.parameters.find("name");
  if (name == header.parameters.end()) return usage("Content-Disposition has no name");
  part.name = unescaped_name(name->second);
  const auto file = header.parameters.find("filename");
  const auto extended = header.parameters.find("filename*");
  if (extended != header.parameters.end()) {
    part.file_name = extended_value(extended->second);
  } else if (file != header.parameters.end()) {
    part.file_name = unescaped_name(file->second);
  }
  return {};
}

Status read_header_line(std::string_view line, FormPart& part, bool& has_disposition) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return usage("a header line without a name and a colon");
  if (line[0] == ' ' || line[0] == '\t') return usage("a header line continued on the next line");
  const std::string name = to_lower(trimmed(line.substr(0, colon)));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "content-disposition") {
    if (std::exchange(has_disposition, true)) return usage("two Content-Disposition headers");
    return read_disposition(value, part);
  }
  if (name == "content-type") part.content_type = std::string(value);
  if (name == "content-transfer-encoding" && !parse_header_value(value).value.ends_with("bit") &&
      parse_header_value(value).value != "binary") {
    return usage("Content-Transfer-Encoding: expected binary, 8bit or none");
  }
  return {};
}

Result<FormPart> parse_head(std::string_view head) {
  FormPart part;
  bool has_disposition = false;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    FACET_RETURN_IF_ERROR(read_header_line(head.substr(0, end), part, has_disposition));
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  if (!has_disposition) return usage("no Content-Disposition header");
  return part;
}

}  // namespace

MultipartParser::MultipartParser(const std::string& boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + boundary), limits_(limits) {}

Status MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::Epilogue) return {};
  pending_.append(bytes);
  while (true) {
    FACET_ASSIGN_OR_RETURN(const bool progress, step());
    if (!progress) break;
  }
  pending_.erase(0, consumed_);
  consumed_ = 0;
  return {};
}

Status MultipartParser::finish() {
  if (state_ == State::Epilogue) return {};
  return bad(state_ == State::Preamble ? "the boundary that the header names is not in it"
                                       : "it ends before the closing boundary");
}

Result<bool> MultipartParser::step() {
  switch (state_) {
    case State::Preamble:
      return skip_preamble();
    case State::AfterBoundary:
      return read_after_boundary();
    case State::Head:
      return read_head();
    case State::Data:
      return read_data();
    case State::Epilogue:
      consumed_ = pending_.size();
      return false;
  }
  return false;
}

Result<bool> MultipartParser::skip_preamble() {
  const std::size_t at = pending_.find(delimiter_);
  if (at != std::string::npos) {
    consumed_ = at + delimiter_.size();
    state_ = State::AfterBoundary;
    return true;
  }
  if (pending_.size() > limits_.max_head_bytes) return bad("the boundary that the header names is not in it");
  return false;
}

Result<bool> MultipartParser::read_after_boundary() {
  const std::string_view rest = std::string_view(pending_).substr(consumed_);
  if (rest.starts_with("--")) {
    state_ = State::Epilogue;
    return true;
  }
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) {
    if (rest.size() > limits_.max_head_bytes) return bad("a boundary's line does not end");
    return false;
  }
  if (!trimmed(rest.substr(0, end)).empty()) return bad("a boundary is followed by other text on its line");
  if (parts_.size() == limits_.max_parts) {
    return bad("more than " + std::to_string(limits_.max_parts) + " parts");
  }
  consumed_ += end + 2;
  state_ = State::Head;
  return true;
}

Result<bool> MultipartParser::read_head() {
  const std::string_view rest = std::string_view(pending_).substr(consumed_);
  const std::size_t end = rest.find("\r\n\r\n");
  if (rest.starts_with("\r\n")) return bad("no Content-Disposition header");
  if (end == std::string_view::npos ? rest.size() > limits_.max_head_bytes : end > limits_.max_head_bytes) {
    return bad("its header is longer than " + std::to_string(limits_.max_head_bytes) + " bytes");
  }
  if (end == std::string_view::npos) return false;
  Result<FormPart> part = parse_head(rest.substr(0, end));
  if (!part.ok()) return bad(part.status().message());
  parts_.push_back(std::move(part).value());
  consumed_ += end + 4;
  state_ = State::Data;
  return true;
}

Result<bool> MultipartParser::read_data() {
  const std::size_t at = pending_.find(delimiter_, consumed_);
  if (at != std::string::npos) {
    FACET_RETURN_IF_ERROR(append_data(at - consumed_));
    consumed_ += delimiter_.size();
    state_ = State::AfterBoundary;
    return true;
  }
  // The last bytes may be the start of a boundary.
  const std::size_t left = pending_.size() - consumed_;
  if (left >= delimiter_.size()) FACET_RETURN_IF_ERROR(append_data(left - delimiter_.size() + 1));
  return false;
}

Status MultipartParser::append_data(std::size_t count) {
  FormPart& part = parts_.back();
  if (!part.file_name && count > limits_.max_field_bytes - part.data.size()) {
    return bad("it is longer than " + std::to_string(limits_.max_field_bytes) + " bytes");
  }
  part.data.append(pending_, consumed_, count);
  consumed_ += count;
  return {};
}

Status MultipartParser::bad(const std::string& reason) const {
  if (parts_.empty() || state_ == State::Preamble) return usage("multipart body: " + reason);
  return usage("multipart body, part " + std::to_string(parts_.size()) + ": " + reason);
}

Result<std::string> multipart_boundary(std::string_view content_type) {
  const HeaderValue header = parse_header_value(content_type);
  const auto found = header.parameters.find("boundary");
  if (found == header.parameters.end()) return usage("Content-Type: multipart/form-data without a boundary");
  const std::string& boundary = found->second;
  const bool allowed = !boundary.empty() && boundary.size() <= kMaxBoundary && boundary.back() != ' ' &&
                       std::ranges::all_of(boundary, is_boundary_character);
  if (!allowed) return usage("Content-Type: expected a boundary of 1 to 70 characters that RFC 2046 allows");
  return boundary;
}

}  // namespace facet::service
