import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

type Facing = "user" | "environment";

export interface Camera {
  /** To be given to the video that shows the camera. */
  video: RefObject<HTMLVideoElement | null>;
  /** Why there is no picture: the key of a text in `picture`. */
  fault: "camera.refused" | "camera.none" | "camera.inUse" | null;
  /** Whether the camera looks at the user, so that its view is shown as in a mirror. */
  isFront: boolean;
  /** Changes to the next camera; `null` if there is only one. */
  turn: (() => void) | null;
}

/** Opens a camera while the component that calls it is shown, and closes it after. */
export function useCamera(facing: Facing = "user"): Camera {
  const video = useRef<HTMLVideoElement>(null);
  const [wanted, setWanted] = useState<Facing>(facing);
  const [fault, setFault] = useState<Camera["fault"]>(null);
  const [hasSeveral, setHasSeveral] = useState(false);

  useEffect(() => {
    let stream: MediaStream | null = null;
    let isGone = false;
    const open = async () => {
      const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
      const found = await navigator.mediaDevices.getUserMedia({ video: { facingMode: wanted, ...size }, audio: false });
      if (isGone) return stopAll(found);
      stream = found;
      setFault(null);
      if (video.current) video.current.srcObject = found;
      const devices = await navigator.mediaDevices.enumerateDevices();
      if (!isGone) setHasSeveral(devices.filter(({ kind }) => kind === "videoinput").length > 1);
    };
    open().catch((error: unknown) => {
      if (!isGone) setFault(faultOf(error));
    });
    return () => {
      isGone = true;
      if (stream) stopAll(stream);
    };
  }, [wanted]);

  const turn = useCallback(() => setWanted((now) => (now === "user" ? "environment" : "user")), []);
  return { video, fault, isFront: wanted === "user", turn: hasSeveral ? turn : null };
}

function faultOf(error: unknown): Camera["fault"] {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "camera.refused";
  return name === "NotReadableError" ? "camera.inUse" : "camera.none";
}

function stopAll(stream: MediaStream) {
  for (const track of stream.getTracks()) track.stop();
}
