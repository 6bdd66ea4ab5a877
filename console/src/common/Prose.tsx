import { Typography } from "antd";

/** A text of the server, in which names stand between backquotes. */
export function Prose({ text, lang }: { text: string; lang?: string }) {
  return (
    <span lang={lang} style={{ overflowWrap: "anywhere" }}>
      {text.split("`").map((part, index) =>
        index % 2 === 1 ? (
          <Typography.Text key={index} code>
            {part}
          </Typography.Text>
        ) : (
          part
        ),
      )}
    </span>
  );
}
