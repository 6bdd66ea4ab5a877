import { theme } from "antd";
import { useEffect, useRef } from "react";
import type { Schema } from "../../api/client";
import type { LoadedPicture } from "../../common/loadedPicture";

/** Share of the face's size that is shown around it. */
const MARGIN = 0.2;

interface Properties {
  loaded: LoadedPicture;
  box: Schema<"Area">;
  /** What it shows, for those who can't see it. */
  alt: string;
  /** Side in pixels. */
  size?: number;
}

/** A face cut out of its picture. */
export function FaceCrop({ loaded, box, alt, size = 56 }: Properties) {
  const { token } = theme.useToken();
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const side = Math.max(box.width, box.height) * (1 + 2 * MARGIN);
    const [x, y] = [box.x + (box.width - side) / 2, box.y + (box.height - side) / 2];
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.drawImage(loaded.image, x, y, side, side, 0, 0, context.canvas.width, context.canvas.height);
  }, [loaded, box]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={alt}
      // Twice as fine as it is shown, for dense screens.
      width={size * 2}
      height={size * 2}
      style={{ width: size, height: size, borderRadius: token.borderRadius, background: token.colorFillSecondary, flex: "none" }}
    />
  );
}
