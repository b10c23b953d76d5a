// SPDX-License-Identifier: Apache-2.0

#include "bench/report/browser.h"

#include <png.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace bpfmap::bench {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Quote(const std::string& path) {
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// Nothing of it asks the network, and a profile is made anew each time.
constexpr char kFlags[] =
    " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage"
    " --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-extensions"
    " --hide-scrollbars --force-device-scale-factor=1 --dump-dom";

}  // namespace

absl::StatusOr<Image> ReadPng(const std::string& path) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&png, path.c_str()) == 0) {
    return absl::DataLossError(absl::StrCat(path, ": ", png.message));
  }
  png.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> bytes(PNG_IMAGE_SIZE(png));
  if (png_image_finish_read(&png, nullptr, bytes.data(), 0, nullptr) == 0) {
    return absl::DataLossError(absl::StrCat(path, ": ", png.message));
  }
  Image image;
  image.width = static_cast<int>(png.width);
  image.height = static_cast<int>(png.height);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    image.pixels.push_back({bytes[i], bytes[i + 1], bytes[i + 2]});
  }
  return image;
}

std::string FindBrowser() {
  const char* path = std::getenv("PATH");
  if (path == nullptr) return "";
  std::error_code ignored;
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    for (const absl::string_view folder : absl::StrSplit(path, ':')) {
      std::string file = absl::StrCat(folder, "/", name);
      if (std::filesystem::exists(file, ignored)) return file;
    }
  }
  return "";
}

absl::StatusOr<OpenedPage> OpenPage(const std::string& browser,
                                    const std::string& html,
                                    const std::string& folder,
                                    const std::string& name, ColorScheme scheme,
                                    int width, int height) {
  const std::string base =
      absl::StrCat(std::filesystem::absolute(folder).string(), "/", name);
  std::ofstream(base + ".html", std::ios::binary) << html;
  const std::string command = absl::StrCat(
      "HOME=", Quote(folder), " timeout -k 5 60 ", Quote(browser), kFlags,
      " --user-data-dir=", Quote(base + ".profile"),
      " --blink-settings=preferredColorScheme=", static_cast<int>(scheme),
      " --window-size=", width, ",", height,
      " --screenshot=", Quote(base + ".png"), " ",
      Quote(absl::StrCat("file://", base, ".html")), " >", Quote(base + ".dom"),
      " 2>", Quote(base + ".err"), " </dev/null");
  const int status = std::system(command.c_str());
  std::error_code ignored;
  std::filesystem::remove_all(base + ".profile", ignored);
  if (status != 0) {
    return absl::InternalError(absl::StrCat(command, "\nended with ", status,
                                            "\n", ReadFile(base + ".err")));
  }
  const absl::StatusOr<Image> image = ReadPng(base + ".png");
  if (!image.ok()) return image.status();
  return OpenedPage{ReadFile(base + ".dom"), *image};
}

}  // namespace bpfmap::bench
