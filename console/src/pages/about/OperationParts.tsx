import { Descriptions, Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { BASE } from "../../api/client";
import { Prose } from "../../common/Prose";
import { Snippet } from "../../common/Snippet";
import { callName, textOf } from "../../common/texts";
import { addressOf, type Operation, shellLine } from "./operation";

/** Returns what a call does, in the reader's language if there is such a text. */
export function summaryOf({ id, summary }: Operation): string {
  return callName(id, summary);
}

/** Method, path and summary of a call. */
export function OperationTitle({ operation }: { operation: Operation }) {
  const { method, path } = operation;
  return (
    <Flex gap="2px 10px" wrap align="center">
      <Tag variant="outlined" style={{ minWidth: 62, textAlign: "center", marginInlineEnd: 0 }}>
        <Typography.Text strong style={{ fontSize: 12 }}>
          {method}
        </Typography.Text>
      </Tag>
      <Typography.Text strong style={{ overflowWrap: "anywhere" }}>
        {path}
      </Typography.Text>
      <Typography.Text type="secondary">{summaryOf(operation)}</Typography.Text>
    </Flex>
  );
}

/** Who may make a call, with what, and an example. */
export function OperationDetails({ operation }: { operation: Operation }) {
  const { t } = useTranslation("about");
  const { method, access, answer, body, description, parameters, summary } = operation;
  const code = shellLine(method, addressOf(window.location.origin + BASE, operation), body, access === "public");
  const hasFiles = body !== null && !("json" in body);
  const items = [
    { key: "access", label: t("operations.access"), children: textOf("about", `access.${access}`, access) },
    ...(answer
      ? [
          {
            key: "answer",
            label: t("operations.answer"),
            children: (
              <span lang="en">
                {answer.status} {answer.description}
              </span>
            ),
          },
        ]
      : []),
    ...parameters.map((parameter) => ({
      key: `${parameter.in} ${parameter.name}`,
      label: parameter.name,
      children: (
        <span>
          <Typography.Text type="secondary">
            {textOf("about", `operations.in.${parameter.in}`, parameter.in)}
            {parameter.required && parameter.in !== "path" ? ` · ${t("operations.required")}` : ""}{" "}
          </Typography.Text>
          <Prose lang="en" text={parameter.description ?? ""} />
        </span>
      ),
    })),
  ];
  return (
    <Flex vertical gap={12}>
      <Prose lang="en" text={[summary, description].filter(Boolean).join(". ")} />
      <Descriptions
        size="small"
        bordered
        column={1}
        items={items}
        styles={{ content: { overflowWrap: "anywhere", minWidth: 0 }, label: { whiteSpace: "nowrap" } }}
      />
      <Snippet code={code} label={t("operations.example", { name: summaryOf(operation) })} />
      {hasFiles && <Typography.Text type="secondary">{t("operations.files")}</Typography.Text>}
    </Flex>
  );
}
