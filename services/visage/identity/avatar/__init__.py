"""From one photo to an avatar: pure functions of pixels and landmarks, without models or I/O."""

from visage.identity.avatar.build import build_avatar, build_framed_avatar
from visage.identity.avatar.framing import FramedPortrait, frame_portrait
from visage.identity.avatar.package import Avatar

__all__ = ["Avatar", "FramedPortrait", "build_avatar", "build_framed_avatar", "frame_portrait"]
