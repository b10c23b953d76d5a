// SPDX-License-Identifier: Apache-2.0
//
// Attaching an object's programs.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpfmap/programs/attachment.h"
#include "bpfmap/programs/misuse.h"
#include "bpfmap/programs/object_state.h"

namespace bpfmap {

void ObjectState::Attach(const std::shared_ptr<ObjectState>& self,
                         std::string_view program, std::string_view hook) {
  if (!IsLoaded("Attach()")) return;
  const int index = ProgramIndex(program);
  if (index < 0) return;
  const ProgramSpec& spec = *file_.programs()[static_cast<std::size_t>(index)];
  const std::string at(hook.empty() ? spec.section : std::string(hook));
  if (!HookIsWhole(at)) {
    Misuse(absl::StrCat("program ", spec.name, ": section ", at,
                        " does not say to what it is attached: Attach(hook)"));
    return;
  }
  const auto run = [weak = std::weak_ptr<ObjectState>(self), name = spec.name](
                       World& world,
                       const HookEvent& event) -> std::optional<ProgramResult> {
    const auto state = weak.lock();
    if (state == nullptr) return std::nullopt;
    // A program of a packet may be given it alone.
    if (event.packet && event.context.empty()) {
      RunRequest request;
      request.packet = event.packet;
      return state->RunIn(&world, name, request);
    }
    return state->RunOnIn(&world, name, event.packet, event.context);
  };
  World* const in = world();
  const uint64_t number = in->attachments().Add(at, run);
  if (number == 0) {
    Misuse(absl::StrCat("program ", spec.name, ": another program is attached ",
                        "to ", at, ", which takes one"));
    return;
  }
  attached_.push_back({index, in, number});
}

void ObjectState::AttachAll(const std::shared_ptr<ObjectState>& self) {
  if (!IsLoaded("Attach()")) return;
  for (std::size_t i = 0; i < loaded_.size(); ++i) {
    const ProgramSpec& spec = *file_.programs()[i];
    if (loaded_[i] < 0 || spec.parsed.target.empty()) continue;
    Attach(self, spec.name, "");
  }
}

void ObjectState::Detach(std::string_view program) {
  const int index = ProgramIndex(program);
  std::erase_if(attached_, [index](const Attached& at) {
    if (at.program != index) return false;
    at.world->attachments().Remove(at.number);
    return true;
  });
}

}  // namespace bpfmap
