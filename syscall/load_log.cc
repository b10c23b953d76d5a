// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/load_log.h"

#include <cerrno>
#include <cstddef>

namespace bpfmap {
namespace {

constexpr uint32_t kLevels = 7;  // 1, 2, and statistics
constexpr uint32_t kFixed = 8;   // BPF_LOG_FIXED

}  // namespace

bool LoadLog::valid() const {
  const bool has_buffer = attributes_->log_buf != 0;
  if (has_buffer != (attributes_->log_size != 0)) return false;
  if (has_buffer && attributes_->log_level == 0) return false;
  if ((attributes_->log_level & ~(kLevels | kFixed)) != 0) return false;
  return attributes_->log_size <= UINT32_MAX >> 2;
}

long LoadLog::Finish() {
  const bool asked = attributes_->log_level != 0;
  const std::size_t needed = asked && !text_.empty() ? text_.size() + 1 : 0;
  long error = 0;
  if (asked && attributes_->log_buf != 0) {
    const std::size_t room = attributes_->log_size;
    std::string shown = text_;
    if (needed > room) {
      const bool fixed = (attributes_->log_level & kFixed) != 0;
      shown = fixed ? text_.substr(0, room - 1)
                    : text_.substr(text_.size() - (room - 1));
      error = -ENOSPC;
    }
    if (!CopyToUser(attributes_->log_buf, shown.c_str(), shown.size() + 1)) {
      error = -EFAULT;
    }
  }
  if (attributes_.Has(kLogTrueSizeAt + 4) &&
      !attributes_.Store(kLogTrueSizeAt, static_cast<uint32_t>(needed))) {
    return -EFAULT;
  }
  return error;
}

}  // namespace bpfmap
