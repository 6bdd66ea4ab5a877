import { theme } from "antd";
import { useEffect, useState } from "react";
import type { Schema } from "../api/client";

export interface Marked {
  box: Schema<"Area">;
  /** Rotation in the picture, in degrees clockwise. */
  rotation?: number;
  landmarks?: Schema<"Landmarks"> | null;
  /** Short text at the box. */
  label?: string;
  tone: "good" | "bad" | "neutral";
}

interface Properties {
  picture: Blob;
  faces: Marked[];
  selected?: number | null;
  onSelect?: (index: number) => void;
  alt: string;
}

/** A picture with boxes, landmarks and names drawn on it. Boxes are in pixels of the upright picture, as browsers show it. */
export function PictureStage({ picture, faces, selected, onSelect, alt }: Properties) {
  const { token } = theme.useToken();
  const [shown, setShown] = useState<{ url: string; width: number; height: number } | null>(null);
  useEffect(() => {
    const url = URL.createObjectURL(picture);
    const image = new Image();
    image.onload = () => setShown({ url, width: image.naturalWidth, height: image.naturalHeight });
    image.src = url;
    return () => URL.revokeObjectURL(url);
  }, [picture]);
  if (!shown) return null;
  const colors = { good: token.colorSuccess, bad: token.colorError, neutral: token.colorPrimary };
  const line = Math.max(shown.width, shown.height) / 300;
  const text = Math.max(shown.width, shown.height) / 36;
  return (
    <div style={{ position: "relative", width: "100%" }}>
      <img src={shown.url} alt={alt} style={{ display: "block", width: "100%", borderRadius: token.borderRadius }} />
      <svg
        viewBox={`0 0 ${shown.width} ${shown.height}`}
        style={{ position: "absolute", inset: 0, width: "100%", height: "100%" }}
        aria-hidden
      >
        {faces.map(({ box, rotation = 0, landmarks, label, tone }, index) => {
          const middle = `${box.x + box.width / 2} ${box.y + box.height / 2}`;
          const isSelected = selected === index;
          return (
            <g
              key={`${box.x} ${box.y}`}
              onClick={() => onSelect?.(index)}
              style={{ cursor: onSelect ? "pointer" : undefined }}
              stroke={colors[tone]}
              fill={colors[tone]}
            >
              <rect
                x={box.x}
                y={box.y}
                width={box.width}
                height={box.height}
                rx={line * 2}
                fill={colors[tone]}
                fillOpacity={isSelected ? 0.18 : 0}
                pointerEvents="all"
                strokeWidth={isSelected ? line * 2 : line}
                transform={rotation ? `rotate(${rotation} ${middle})` : undefined}
              />
              {landmarks &&
                Object.entries(landmarks).map(([name, { x, y }]) => (
                  <circle key={name} cx={x} cy={y} r={line * 1.2} stroke="none" />
                ))}
              {label && (
                <>
                  <rect
                    x={box.x}
                    y={Math.max(0, box.y - text * 1.5)}
                    width={widthOf(label) * text + text * 0.6}
                    height={text * 1.4}
                    rx={line}
                    stroke="none"
                  />
                  <text
                    x={box.x + text * 0.3}
                    y={Math.max(0, box.y - text * 1.5) + text * 1.02}
                    fontSize={text}
                    fill={token.colorBgContainer}
                    stroke="none"
                  >
                    {label}
                  </text>
                </>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

// In heights of the text: Chinese characters are as wide as they are high.
function widthOf(label: string): number {
  return [...label].reduce((width, character) => width + (character > "\u2e80" ? 1 : 0.58), 0);
}
