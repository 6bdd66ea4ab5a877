import { useQuery } from "@tanstack/react-query";
import { Collapse, Flex, Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { Loaded, Nothing } from "../../common/states";
import { textOf } from "../../common/texts";
import { OperationDetails, OperationTitle, summaryOf } from "./OperationParts";
import { type Document, type Operation, operationsOf } from "./operation";

/** All calls of the REST API, by subject. */
export function Operations() {
  const { t } = useTranslation("about");
  const [text, setText] = useState("");
  const document = useQuery({
    queryKey: ["openapi"],
    queryFn: async () => (await dataOf(api.GET("/openapi.json"))) as Document,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Loaded query={document}>
      {(document) => {
        const operations = operationsOf(document).filter((operation) => matches(operation, text));
        const tags = [...new Set([...(document.tags?.map(({ name }) => name) ?? []), ...operations.map(({ tag }) => tag)])];
        return (
          <Flex vertical gap={16} style={{ maxWidth: 1120 }}>
            <Flex gap={12} align="center" wrap>
              <Input.Search
                allowClear
                aria-label={t("operations.search")}
                placeholder={t("operations.search")}
                value={text}
                onChange={({ target }) => setText(target.value)}
                style={{ flex: "1 1 240px", maxWidth: 420 }}
              />
              <Typography.Text type="secondary" className="number" role="status">
                {t("operations.found", { number: operations.length })}
              </Typography.Text>
            </Flex>
            {operations.length === 0 && <Nothing text={t("operations.nothing")} />}
            {tags.map((tag) => (
              <Tag key={tag} tag={tag} operations={operations.filter((operation) => operation.tag === tag)} />
            ))}
          </Flex>
        );
      }}
    </Loaded>
  );
}

function Tag({ tag, operations }: { tag: string; operations: Operation[] }) {
  if (operations.length === 0) return null;
  return (
    <section aria-labelledby={`tag-${tag}`}>
      <Typography.Title level={2} id={`tag-${tag}`} style={{ fontSize: 16, margin: "0 0 8px" }}>
        {textOf("about", `tags.${tag}`, tag)}
      </Typography.Title>
      <Collapse
        destroyOnHidden
        size="small"
        items={operations.map((operation) => ({
          key: operation.id,
          label: <OperationTitle operation={operation} />,
          children: <OperationDetails operation={operation} />,
        }))}
      />
    </section>
  );
}

function matches(operation: Operation, text: string): boolean {
  const { id, method, path, summary, description } = operation;
  const all = [id, method, path, summary, description ?? "", summaryOf(operation)].join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
