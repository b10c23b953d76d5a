// SPDX-License-Identifier: Apache-2.0

// A scale from values to pixels, and its ticks.

#ifndef BPFMAP_BENCH_REPORT_SCALE_H_
#define BPFMAP_BENCH_REPORT_SCALE_H_

#include <algorithm>
#include <cmath>
#include <vector>

namespace bpfmap::bench {

// Logarithmic where the largest value is more than 8 times the smallest;
// otherwise linear, and then it starts at 0.
class ReportScale {
 public:
  // `width` is in pixels. Values that are not positive count for nothing.
  ReportScale(const std::vector<double>& values, double width) : width_(width) {
    double low = 0;
    for (const double value : values) {
      if (value <= 0 || !std::isfinite(value)) continue;
      low = low == 0 ? value : std::min(low, value);
      high_ = std::max(high_, value);
    }
    if (high_ == 0) high_ = 1;
    logarithmic_ = low > 0 && high_ / low > 8;
    low_ = logarithmic_ ? RoundDown(low * 0.95) : 0;
  }

  bool logarithmic() const { return logarithmic_; }

  // From 0 to width, whatever the value.
  double Position(double value) const {
    if (!(value > low_)) return 0;
    const double part = logarithmic_
                            ? std::log(value / low_) / std::log(high_ / low_)
                            : value / high_;
    return std::min(part, 1.0) * width_;
  }

  // The finest ticks that stand at least `distance` pixels apart.
  std::vector<double> Ticks(double distance) const {
    return logarithmic_ ? LogarithmicTicks(distance) : LinearTicks(distance);
  }

 private:
  // 1, 2 or 5 times a power of ten.
  static double RoundDown(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    const double digit = value / power;
    return (digit >= 5 ? 5 : digit >= 2 ? 2 : 1) * power;
  }

  // 1, 2 and 5 times the powers of ten; where these do not fit, the powers
  // alone; where these do not either, every second, every third.
  std::vector<double> LogarithmicTicks(double distance) const {
    const int first = static_cast<int>(std::floor(std::log10(low_)));
    for (int step = 0;; ++step) {
      std::vector<double> ticks;
      double nearest = width_;
      for (int i = first; std::pow(10, i) <= high_; i += std::max(step, 1)) {
        for (const double digit : {1, 2, 5}) {
          const double tick = digit * std::pow(10, i);
          if (digit > 1 && step > 0) break;
          if (tick < low_ * 0.999 || tick > high_) continue;
          if (!ticks.empty()) {
            nearest =
                std::min(nearest, Position(tick) - Position(ticks.back()));
          }
          ticks.push_back(tick);
        }
      }
      if (ticks.size() < 2 || nearest >= distance) return ticks;
    }
  }

  std::vector<double> LinearTicks(double distance) const {
    double step = RoundDown(high_ / width_ * distance);
    while (step / high_ * width_ < distance) step = RoundDown(step * 2.5);
    std::vector<double> ticks;
    for (int i = 0; i * step <= high_; ++i) ticks.push_back(i * step);
    return ticks;
  }

  const double width_;
  double low_ = 0;
  double high_ = 0;
  bool logarithmic_ = false;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_SCALE_H_
